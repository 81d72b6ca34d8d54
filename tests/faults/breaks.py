"""``make breaks``: each promise is broken on purpose in a copy of the project, and the fault suite must fail there.

Prints which case caught which break, as Markdown for docs/reliability.md with ``--matrix FILE``. Ends with 1 where a
break went unnoticed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from faults.break_list import BREAKS, Break

PROJECT = Path(__file__).parents[2]
COPIED = ["dags", "include", "plugins", "requirements", "tests", "pyproject.toml"]
LINKED = [".venv", ".venv-emulator", "build"]
CAUGHT = re.compile(r"^FAILED +(\S+) \(", re.M)
TESTS_FAILED = 1
"""pytest's exit code; another one says that the break broke more than its promise."""


def main() -> int:
    """Break what is asked for; 0 where every break was caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matrix", type=Path, metavar="FILE", help="write what caught what as Markdown")
    parser.add_argument("words", nargs="*", help="only the breaks whose names hold one of these")
    given = parser.parse_args()
    chosen = [one for one in BREAKS if not given.words or any(word in one.name for word in given.words)]
    lines, unnoticed = [], 0
    for broken in chosen:
        caught, output = try_out(broken)
        unnoticed += not caught
        lines.append(
            f"| {broken.name} | {broken.promise} | {', '.join(f'`{id_}`' for id_ in caught) or '**nothing**'} |"
        )
        print(f"{'caught' if caught else 'UNNOTICED'}: {broken.name}: {', '.join(caught) or output}", flush=True)
    if given.matrix:
        header = "| Broken on purpose | The promise | Caught by |\n|---|---|---|\n"
        given.matrix.write_text(header + "\n".join(lines) + "\n")
    return min(unnoticed, 1)


def try_out(broken: Break) -> tuple[list[str], str]:
    """The cases that failed; where none did, the end of what pytest printed."""
    with tempfile.TemporaryDirectory(prefix="telemetry-break-") as name:
        folder = Path(name)
        copy(folder)
        for edit in broken.edits:
            path = folder / edit.file
            text = path.read_text()
            if edit.old not in text:
                sys.exit(f"{broken.name}: {edit.file} does not hold {edit.old!r} any more.")
            path.write_text(text.replace(edit.old, edit.new, 1))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/faults", "-q", "-x", "--all-faults", "-k", broken.select],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder / "include"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    caught = CAUGHT.findall(done.stdout) if done.returncode == TESTS_FAILED else []
    return caught, done.stdout[-3000:] + done.stderr[-1000:]


def copy(folder: Path) -> None:
    """What the suite needs of the project."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, folder / name)
    for name in LINKED:
        (folder / name).symlink_to(PROJECT / name)


if __name__ == "__main__":
    sys.exit(main())
