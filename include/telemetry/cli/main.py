"""The commands in one, and how it ends when something is wrong: plain words on standard error, exit code 1.

What is heavy (boto3, PostgreSQL, Airflow's client) is imported within a command, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from telemetry.cli import closing, cost, demo, dlq, ledger, package, publish, quarantine, runs, stack, status, stream
from telemetry.errors import TelemetryError

app = typer.Typer(
    name="telemetry",
    help="Device telemetry from MQTT to PostgreSQL. `telemetry up` starts all of it on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (stack, status, publish, runs, ledger, closing, demo, package, cost):
    group.register(app)
app.add_typer(stream.app, name="stream")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(dlq.app, name="dlq")

HINTS = {
    "botocore": "Is the stack up? `telemetry status` tells.",
    "psycopg2": "Is PostgreSQL up? `telemetry status` tells.",
    "httpx": "Is Airflow up? `telemetry status` tells.",
}
"""Libraries that talk to services: their errors are about the service, and are told without a traceback."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 something is wrong, 2 wrong arguments."""
    try:
        app(arguments, prog_name="telemetry")
    except TelemetryError as error:
        _fail(error)
    except Exception as error:
        library = type(error).__module__.partition(".")[0]
        if library not in HINTS:
            raise
        _fail(TelemetryError(f"{type(error).__name__}: {error}".strip(), HINTS[library]))


def _fail(error: TelemetryError) -> None:
    print(f"Error: {error.message}", file=sys.stderr)
    if error.hint:
        print(error.hint, file=sys.stderr)
    sys.exit(1)
