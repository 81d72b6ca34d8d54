"""The command line, run in this process."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from telemetry.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


def run_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    """Run ``telemetry`` with ``arguments``."""
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    printed = capsys.readouterr()
    return Ended(int(ending.value.code or 0), printed.out, printed.err)
