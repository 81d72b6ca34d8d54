"""Commands for the ledger and the database: loads, migrate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from textwrap import shorten
from typing import TYPE_CHECKING

import typer

from telemetry.cli.arguments import AsJson, Limit, StreamFilter
from telemetry.cli.deployed import use_deployment
from telemetry.cli.output import print_json, print_table

if TYPE_CHECKING:
    from telemetry.warehouse.ledger import Load

COLUMNS = (
    "load_id", "stream", "kind", "interval_start", "generation", "status",
    "objects", "rows_read", "loaded", "duplicate", "quarantined", "error",
)  # fmt: skip
ERROR_WIDTH = 100


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (loads, migrate):
        app.command()(command)


def loads(stream: StreamFilter = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the loads in the ledger, newest first."""
    from telemetry.contracts.loader import find_stream
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.ledger import list_loads

    name = find_stream(stream).stream if stream else None
    with connect(use_deployment().database_secret) as connection:
        rows = list_loads(connection, stream=name, limit=limit)
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        print_loads(rows)


def print_loads(rows: Iterable[Load]) -> None:
    """Print one row per load; long errors are shortened."""
    short = ({**asdict(row), "error": shorten(row.error or "", ERROR_WIDTH)} for row in rows)
    print_table("Loads", short, COLUMNS)


def migrate() -> None:
    """Update the database schema to match the contracts.

    A new field becomes a new column.
    """
    from telemetry.contracts.loader import load_streams
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.migrate import migrate as migrate_database

    streams = load_streams()
    with connect(use_deployment().database_secret) as connection:
        changes = migrate_database(connection, streams)
    print("\n".join(changes) if changes else "The database already matches the contracts.")
