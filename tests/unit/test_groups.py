"""Tests that share services run in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

GROUPED = """
import os
import pytest

@pytest.mark.xdist_group("services")
@pytest.mark.parametrize("number", range(8))
def test_one(number, pytestconfig):
    with open(pytestconfig.rootpath / os.environ["PYTEST_XDIST_WORKER"], "a") as file:
        file.write("x")
"""


def test_a_group_stays_in_one_process(tmp_path: Path) -> None:
    """The newest pytest and the newest xdist have once not agreed on it, and told nobody."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_grouped.py").write_text(GROUPED)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "--rootdir", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path, env=kept, check=True, capture_output=True)
    assert [path.read_text() for path in tmp_path.glob("gw*")] == ["x" * 8]
