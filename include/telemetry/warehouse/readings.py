"""The tables ``<stream>_readings``: every reading once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import BinaryIO, NamedTuple

from psycopg2 import sql

from telemetry.contracts.model import Stream
from telemetry.contracts.schema import KEY, reading_columns
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.tables import table_exists


class StoredReadings(NamedTuple):
    """The number of readings, and the newest event time."""

    number: int
    newest: datetime | None


def has_readings(cursor: Cursor, stream: Stream) -> bool:
    """Whether the stream's existing table holds any reading."""
    cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(stream.table)))
    return bool(cursor.fetchall()[0][0])


def merge_readings(cursor: Cursor, stream: Stream, load_id: int, csv_files: Iterable[BinaryIO]) -> int:
    """Store those readings that are not stored yet, within the caller's transaction; how many they were.

    The files hold the columns of ``reading_columns``, in their order, as PostgreSQL's CSV. Rows go in sorted by the
    key: so transactions that store the same readings wait for each other, and never in a circle.
    """
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in reading_columns(stream))
    table = sql.Identifier(stream.table)
    cursor.execute("SET LOCAL work_mem = '64MB'")  # the sort below stays in memory
    stage = "CREATE TEMPORARY TABLE stage ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
    cursor.execute(sql.SQL(stage).format(columns, table))
    for file in csv_files:
        cursor.copy_expert("COPY stage FROM STDIN (FORMAT csv)", file)
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}, load_id) SELECT {}, %s FROM stage ORDER BY {} ON CONFLICT DO NOTHING").format(
            table, columns, columns, sql.SQL(", ").join(sql.Identifier(column.name) for column in KEY)
        ),
        (load_id,),
    )
    return cursor.rowcount


def stored_readings(connection: Connection, stream: Stream) -> StoredReadings:
    """Summarise the stream's table; zero if a new stream has none yet."""
    with transaction(connection) as cursor:
        if not table_exists(cursor, stream.table):
            return StoredReadings(0, None)
        query = sql.SQL("SELECT count(*), max(event_time) FROM {}")
        cursor.execute(query.format(sql.Identifier(stream.table)))
        return StoredReadings(*cursor.fetchall()[0])


def count_values(cursor: Cursor, stream: Stream, span: Interval, fields: Sequence[str]) -> tuple[int, list[int]]:
    """Count the readings with an event time in ``span``, and those that have a value of each field."""
    counts = sql.SQL("").join(sql.SQL(", count({})").format(sql.Identifier(name)) for name in fields)
    cursor.execute(
        sql.SQL("SELECT count(*){} FROM {} WHERE event_time >= %s AND event_time < %s").format(
            counts, sql.Identifier(stream.table)
        ),
        (span.start, span.end),
    )
    readings, *values = cursor.fetchall()[0]
    return readings, values
