"""The stack of this machine: up, down, reset, env, logs, doctor."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections import deque
from dataclasses import asdict
from typing import Annotated

import typer

from telemetry.cli.arguments import AsJson
from telemetry.cli.deployed import local_environment
from telemetry.cli.output import notes, print_json, results
from telemetry.errors import TelemetryError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, reset, env, logs, doctor):
        app.command()(command)


def up() -> None:
    """Start the stack on this machine, or bring it up to the files. Twice is harmless."""
    from telemetry.local import stack

    started = time.monotonic()
    environment = stack.up(_tell)
    print(f"The stack is up, after {time.monotonic() - started:.0f} s.")
    print(f"Airflow: {environment['TELEMETRY_AIRFLOW_URL']} (login: `telemetry env`)")


def down() -> None:
    """Stop the stack. What it stored stays for the next `up`."""
    from telemetry.local import stack

    stack.down(_tell)
    print("The stack is down.")


def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the stack and delete everything that it stored."""
    from telemetry.local import stack
    from telemetry.local.host.state import State

    folder = State.open().folder
    if not yes:
        if not sys.stdin.isatty():
            raise TelemetryError(f"This would delete everything in {folder}.", "Say --yes to do it.")
        typer.confirm(f"Delete everything in {folder}?", abort=True)
    stack.reset(_tell)
    print("The stack is down, and all that it stored is gone.")


def env(as_json: AsJson = False) -> None:
    """Print how to reach the stack, as `export` lines. Passwords are among them: eval "$(telemetry env)"."""
    environment = local_environment()
    if as_json:
        print_json(environment)
        return
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")


def logs(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Such as emulator, postgres or airflow-scheduler.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="The last so many.")] = 100,
) -> None:
    """Print the log of one service."""
    from telemetry.local.host.state import State

    folder = State.open().folder / "logs"
    known = sorted(path.stem for path in folder.glob("*.log"))
    if service not in known:
        raise TelemetryError(
            f"There is no log of {service!r}.",
            f"Logs: {', '.join(known)}." if known else "The stack was never up: `telemetry up` starts it.",
        )
    path = folder / f"{service}.log"
    if follow:
        os.execlp("tail", "tail", "-n", str(lines), "-F", str(path))  # noqa: S606 - it knows about logs that are put aside
    with path.open(errors="replace") as log:
        sys.stdout.writelines(deque(log, maxlen=lines))


def doctor(as_json: AsJson = False) -> None:
    """Say what is wrong with this machine, and how to mend it. Exits 1 where something keeps the stack from running."""
    from telemetry.local.doctor import examine

    findings = examine()
    if as_json:
        print_json([asdict(finding) for finding in findings])
    for finding in () if as_json else findings:
        results.print(f"{finding.level:>4}  {finding.message}", markup=False, soft_wrap=True)
        if finding.hint:
            results.print(f"      {finding.hint}", markup=False, soft_wrap=True)
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


def _tell(line: str) -> None:
    notes.print(f"  {line}", markup=False, soft_wrap=True)
