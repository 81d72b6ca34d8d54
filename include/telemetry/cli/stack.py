"""Commands for the local stack: up, down, reset, env, logs, doctor."""

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
from telemetry.cli.output import note, print_json, results
from telemetry.errors import TelemetryError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, reset, env, logs, doctor):
        app.command()(command)


def up() -> None:
    """Start the local stack, or update it if it is running.

    It is safe to run this again. Changed streams and settings are applied.
    """
    from telemetry.local import stack

    started = time.monotonic()
    environment = stack.up(_tell)
    print(f"The stack is running, after {time.monotonic() - started:.0f} s.")
    print(f"Airflow: {environment['TELEMETRY_AIRFLOW_URL']} (login: `telemetry env`)")


def down() -> None:
    """Stop the local stack.

    Its data is kept for the next `telemetry up`.
    """
    from telemetry.local import stack

    stack.down(_tell)
    print("The stack is stopped.")


def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False) -> None:
    """Stop the local stack and delete all of its data."""
    from telemetry.local import stack
    from telemetry.local.host.state import State

    folder = State.open().folder
    if not yes:
        if not sys.stdin.isatty():
            raise TelemetryError(f"This would delete everything in {folder}.", "Confirm with --yes.")
        typer.confirm(f"Delete everything in {folder}?", abort=True)
    stack.reset(_tell)
    print("The stack is stopped, and its data is deleted.")


def env(as_json: AsJson = False) -> None:
    """Print `export` lines for using the local stack.

    Load them into a shell with: eval "$(telemetry env)". They include passwords.
    """
    environment = local_environment()
    if as_json:
        print_json(environment)
        return
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")


def logs(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="A service, such as emulator, postgres or airflow-scheduler.")
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of most recent lines to print.")] = 100,
) -> None:
    """Print the log of a service."""
    from telemetry.local.host.state import State

    folder = State.open().folder / "logs"
    known = sorted(path.stem for path in folder.glob("*.log"))
    if service not in known:
        raise TelemetryError(
            f"There is no log of {service!r}.",
            f"Logs: {', '.join(known)}." if known else "The stack was never started. Start it with `telemetry up`.",
        )
    path = folder / f"{service}.log"
    if follow:
        os.execlp("tail", "tail", "-n", str(lines), "-F", str(path))  # noqa: S606 - it follows logs that are rotated
    with path.open(errors="replace") as log:
        sys.stdout.writelines(deque(log, maxlen=lines))


def doctor(as_json: AsJson = False) -> None:
    """Check this machine for problems and suggest fixes.

    Exits with code 1 if a problem keeps the stack from running.
    """
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
    note(f"  {line}")
