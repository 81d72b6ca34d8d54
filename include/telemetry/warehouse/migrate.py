"""Migrate the database to the current migrations and contracts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg2.errors
from psycopg2 import sql

from telemetry.config.settings import load_settings
from telemetry.contracts.evolution import Meaning, refused_changes
from telemetry.contracts.model import Stream
from telemetry.contracts.schema import Column, reading_columns
from telemetry.errors import TelemetryError
from telemetry.paths import MIGRATIONS
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.locks import advisory_lock
from telemetry.warehouse.readings import has_readings
from telemetry.warehouse.rollup import rollup_table
from telemetry.warehouse.table_partitions import create_partitions
from telemetry.warehouse.tables import add_columns, table_exists


def migrate(connection: Connection, streams: Mapping[str, Stream], folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing, all of it or nothing, and return what was done, one line each.

    Run again, or twice at once, it changes nothing more. Columns are only ever added, never changed or dropped. A new
    table comes with the partitions of the next months; the later ones are the DAG ``maintenance``'s to make.

    Raises:
        TelemetryError: an applied migration's file has changed since, a field's type is not its column's, or a stream
            that has readings begins or ceases to have a ``message_id``, or changes what its readings mean.
    """
    with transaction(connection) as cursor:
        advisory_lock(cursor, "migrate")
        done = _apply_files(cursor, folder)
        for stream in streams.values():
            done += _bring_up(cursor, stream) + rollup_table(cursor, stream)
            _hold_reading_ids(cursor, stream)
            _hold_contract(cursor, stream)
    return done


@contextmanager
def up_to_contract(stream: str) -> Iterator[None]:
    """Tell a statement's failure on a table or a column that is not there yet in words.

    Raises:
        TelemetryError: the warehouse is behind the stream's contract.
    """
    try:
        yield
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
        raise TelemetryError(
            f"The warehouse is behind stream {stream}'s contract: {error.diag.message_primary}.",
            "Run `telemetry migrate`.",
        ) from error


def _apply_files(cursor: Cursor, folder: Path) -> list[str]:
    cursor.execute(
        """CREATE TABLE IF NOT EXISTS schema_migrations (
            name       text PRIMARY KEY,
            checksum   text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )"""
    )
    cursor.execute("SELECT name, checksum FROM schema_migrations")
    applied = dict(cursor.fetchall())
    done = []
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if path.name not in applied:
            cursor.execute(text)
            cursor.execute("INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)", (path.name, checksum))
            done.append(f"migration {path.name}")
        elif applied[path.name] != checksum:
            raise TelemetryError(
                f"{path}: the file has changed since it was applied.", "Restore it and put the change into a new file."
            )
    return done


def _bring_up(cursor: Cursor, stream: Stream) -> list[str]:
    """Create the stream's table, or add the columns of its new fields."""
    wanted = reading_columns(stream)
    if table_exists(cursor, stream.table):
        return add_columns(cursor, stream.stream, stream.table, [(column.name, column.sql) for column in wanted])
    cursor.execute(_create_table(stream.table, wanted))
    create_partitions(cursor, stream.table, datetime.now(UTC), load_settings().maintenance.months_ahead)
    return [f"table {stream.table}"]


def _hold_reading_ids(cursor: Cursor, stream: Stream) -> None:
    """Refuse ids of another making for a stream that has readings: each that comes again would be stored again."""
    made_of = "message_id" if stream.message_id else "values"
    cursor.execute("SELECT made_of FROM reading_ids WHERE stream = %s", (stream.stream,))
    found = cursor.fetchone()
    if found and found[0] != made_of and has_readings(cursor, stream):
        change, ids = ("added", "values") if stream.message_id else ("removed", "message ids")
        raise TelemetryError(
            f"Stream {stream.stream}: message_id was {change}, but {stream.table} has readings whose ids are made "
            f"from their {ids}. A repeated message would be stored twice.",
            "Undo the change, or give the messages a new stream.",
        )
    cursor.execute(
        "INSERT INTO reading_ids VALUES (%s, %s) ON CONFLICT (stream) DO UPDATE SET made_of = EXCLUDED.made_of",
        (stream.stream, made_of),
    )


def _hold_contract(cursor: Cursor, stream: Stream) -> None:
    """Refuse a change after which a column or an id of a stream that has readings has two meanings."""
    cursor.execute("SELECT document FROM stream_contracts WHERE stream = %s", (stream.stream,))
    found, meaning = cursor.fetchone(), Meaning.of(stream)
    before = Meaning.of_document(found[0]) if found else meaning
    if before != meaning and has_readings(cursor, stream):  # the table is not touched where nothing has changed
        if refused := list(refused_changes(before, stream)):
            raise TelemetryError(
                "\n".join(f"Stream {stream.stream}: {field} has changed: {reason}." for field, reason in refused),
                "Undo the change, or add a new field or a new stream.",
            )
        meaning = before.then(stream)
    cursor.execute(
        """INSERT INTO stream_contracts (stream, document) VALUES (%s, %s) ON CONFLICT (stream) DO UPDATE
        SET (document, applied_at) = (excluded.document, now()) WHERE stream_contracts.document <> excluded.document""",
        (stream.stream, meaning.model_dump_json()),
    )


def _create_table(table: str, columns: Iterable[Column]) -> sql.Composed:
    """Devices in byte order ("C"): the index compares faster, and sorts alike on every machine."""
    definitions = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(column.sql),
            sql.SQL(' COLLATE "C"' if column.name == "device_id" else ""),
        )
        for column in columns
    ]
    return sql.SQL(
        "CREATE TABLE {} ({}, load_id bigint NOT NULL, PRIMARY KEY (device_id, event_time, reading_id)) "
        "PARTITION BY RANGE (event_time)"
    ).format(sql.Identifier(table), sql.SQL(", ").join(definitions))
