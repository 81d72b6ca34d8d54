#!/bin/sh
# Prints the Python to build the virtual environments with: 3.12 (MWAA's) where there is one, on PATH or under pyenv,
# else 3.13, else 3.11. Exits 1 and says what to install where there is none.
set -u

usable() { # a pyenv shim answers for versions that are not switched on, so only running it tells
  "$1" - "$2" 2>/dev/null <<'PYTHON'
import sys, venv, ensurepip
raise SystemExit("%d.%d" % sys.version_info[:2] != sys.argv[1])
PYTHON
}

pyenv_root=${PYENV_ROOT:-$HOME/.pyenv}
for version in 3.12 3.13 3.11; do
  for candidate in "python$version" python3 "$pyenv_root"/versions/"$version".*/bin/python; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    if usable "$path" "$version"; then
      echo "$path"
      exit 0
    fi
  done
done

found=$(command -v python3 >/dev/null 2>&1 && python3 --version 2>&1 || echo "no python3")
echo "Python 3.11, 3.12 or 3.13 with its venv module is needed; found: $found." >&2
echo "Install one, for example: apt install python3 python3-venv, brew install python@3.12, or pyenv install 3.12." >&2
exit 1
