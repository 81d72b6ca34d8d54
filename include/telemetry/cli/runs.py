"""Commands that load through Airflow: run, backfill."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry.cli.arguments import AsJson, parse_day, parse_hour
from telemetry.cli.deployed import EVERYTHING, use_deployment
from telemetry.cli.ledger import print_loads
from telemetry.cli.output import note, notes, print_json, progress_bar
from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.airflow_rest.loads import LoadRunner
    from telemetry.warehouse.ledger import Load

StreamArgument = Annotated[str, typer.Argument(metavar="STREAM", help="The name of the stream.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (run, backfill):
        app.command()(command)


def run(
    stream: StreamArgument,
    hour: Annotated[
        datetime | None,
        typer.Option(
            "--hour", parser=parse_hour, metavar="HOUR", help="Load this hour, such as 2026-03-01T07, or now."
        ),
    ] = None,
    day: Annotated[
        date | None, typer.Option("--day", parser=parse_day, metavar="DAY", help="Load this day, such as 2026-03-01.")
    ] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Load the messages in the queue.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load one hour, one day, or the messages in the queue.

    Hours and days are times of arrival in UTC. The command waits until the load has ended.
    """
    from telemetry.contracts.loader import find_stream

    if (hour is not None) + (day is not None) + queue != 1:
        raise typer.BadParameter("Use exactly one of --hour, --day and --queue.")
    name = find_stream(stream).stream
    with load_runner() as runner, notes.status("Waiting for Airflow") as line:
        if hour:
            loads = runner.run_hour(name, hour, line.update)
        elif day:
            loads = runner.run_day(name, day, line.update)
        else:
            loads = runner.run_queue(name, line.update)
    _show(loads, as_json)


def backfill(
    stream: StreamArgument,
    first: Annotated[date, typer.Option("--from", parser=parse_day, metavar="DAY", help="The first day.")],
    last: Annotated[date, typer.Option("--to", parser=parse_day, metavar="DAY", help="The last day, inclusive.")],
    as_json: AsJson = False,
) -> None:
    """Load everything that is still missing from past days.

    What is in the ledger is not loaded again. Days are days of arrival in UTC, such as 2026-03-01. The command waits
    until all loads have ended.
    """
    from telemetry.contracts.loader import find_stream

    if first > last:
        raise typer.BadParameter(f"The first day, {first}, is after the last day, {last}.")
    name = find_stream(stream).stream
    with load_runner() as runner, progress_bar(f"Backfilling {name}", (last - first).days + 1) as bar:
        loads = runner.backfill(name, first, last, bar)
    _show(loads, as_json)


@contextmanager
def load_runner() -> Iterator[LoadRunner]:
    """Log in to the deployment's Airflow.

    Raises:
        TelemetryError: there is no Airflow, or it denies the login.
    """
    from telemetry.airflow_rest.loads import LoadRunner
    from telemetry.airflow_rest.runs import AirflowApi

    deployment = use_deployment(EVERYTHING)
    url = os.environ.get("TELEMETRY_AIRFLOW_URL")
    if not url:
        raise TelemetryError("TELEMETRY_AIRFLOW_URL is not set.", "Set it to the address of Airflow's web server.")
    user, password = (os.environ.get(f"TELEMETRY_AIRFLOW_{name}", "") for name in ("USER", "PASSWORD"))
    with AirflowApi.login(url, user, password) as airflow:
        yield LoadRunner(airflow, deployment.database_secret, notify=note)


def _show(loads: list[Load], as_json: bool) -> None:
    if as_json:
        print_json([asdict(load) for load in loads])
    else:
        print_loads(loads)
