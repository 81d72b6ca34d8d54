"""Commands for closed days: quality, reconciliations."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from telemetry.cli.arguments import AsJson, Limit, StreamFilter, parse_day
from telemetry.cli.deployed import use_deployment
from telemetry.cli.output import print_json, print_table

CHECK_COLUMNS = ("stream", "day", "check_name", "subject", "observed", "low", "high", "passed")
RECONCILIATION_COLUMNS = (
    "stream", "lane", "day", "published", "received_before", "counted_after", "accounted", "in_flight", "unaccounted",
    "surplus", "reconciled_at",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (quality, reconciliations):
        app.command()(command)


def quality(
    stream: StreamFilter = None,
    day: Annotated[
        date | None, typer.Option("--day", parser=parse_day, metavar="DAY", help="Only this day, such as 2026-03-01.")
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the quality checks of closed days, newest first."""
    from telemetry.contracts.loader import find_stream
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.quality_checks import list_checks

    name = find_stream(stream).stream if stream else None
    with connect(use_deployment().database_secret) as connection:
        rows = [asdict(row) for row in list_checks(connection, stream=name, day=day, limit=limit)]
    if as_json:
        print_json(rows)
    else:
        print_table("Quality checks", rows, CHECK_COLUMNS)


def reconciliations(stream: StreamFilter = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the reconciliations of closed days, newest first.

    A reconciliation compares the messages that were published on a day with those in the ledger and in flight.
    """
    from telemetry.contracts.loader import find_stream
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.reconciliations import list_reconciliations

    name = find_stream(stream).stream if stream else None
    with connect(use_deployment().database_secret) as connection:
        rows = [asdict(row) for row in list_reconciliations(connection, stream=name, limit=limit)]
    if as_json:
        print_json(rows)
    else:
        print_table("Reconciliations", rows, RECONCILIATION_COLUMNS)
