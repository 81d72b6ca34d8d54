"""All commands in one application, and how it reports errors.

Commands import heavy packages (boto3, psycopg2, httpx) only when they run, so that ``--help`` is fast.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from telemetry.cli import closing, cost, demo, dlq, ledger, package, publish, quarantine, runs, stack, status
from telemetry.errors import TelemetryError

app = typer.Typer(
    name="telemetry",
    help="IoT telemetry, from MQTT to PostgreSQL. Run `telemetry up` to start the local stack.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (stack, status, publish, runs, ledger, closing, demo, package, cost):
    group.register(app)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(dlq.app, name="dlq")

HINTS = {
    "botocore": "Is the stack running? Check with `telemetry status`.",
    "psycopg2": "Is PostgreSQL running? Check with `telemetry status`.",
    "httpx": "Is Airflow running? Check with `telemetry status`.",
}
"""Libraries that talk to services. Their errors are reported without a traceback, with a hint."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with 0 on success, 1 on an error, or 2 if the arguments are wrong."""
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
