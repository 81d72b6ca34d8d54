#!/bin/sh
# lock.sh CONSTRAINTS: pins requirements/*.in for Python 3.11 to 3.13. Where MWAA pins a package, its version is taken.
# MWAA's file is for Python 3.12: what it pins beyond Python 3.11's reach (numpy) is left free there.
set -eu
constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT
sed -E 's/^(numpy==.*)$/\1 ; python_version >= "3.12"/' "$1" >"$constraints"

compile() {
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
    "requirements/$1.in" --output-file "requirements/$1.txt" ${2:+--constraints "$2"}
}
compile lambda "$constraints"
compile dev "$constraints"
compile emulator
compile checkov
