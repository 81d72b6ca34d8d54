"""The tables ``<stream>_rollup``: one row for each device and day (UTC, event time), with statistics of each number."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from psycopg2 import sql

from telemetry.contracts.model import ContractField, FieldType, Stream
from telemetry.contracts.schema import TYPES
from telemetry.interval import Interval
from telemetry.warehouse.connection import Cursor
from telemetry.warehouse.tables import add_columns, table_exists

SCALE = 2.0**-80
SCALED_MAX = sys.float_info.max * SCALE
TINY = 1e-250

KEPT = sql.SQL(
    "NOT EXISTS (SELECT FROM dropped_rows WHERE stream = %(stream)s AND kind = 'readings' AND before > %(start)s)"
)
"""No statement may take readings that were dropped for readings that never were."""

DOUBLE = TYPES[FieldType.double][0]
BIGINT = TYPES[FieldType.integer][0]


class Volume(NamedTuple):
    """The readings of a day, those of the days before it, and how many of these days have any."""

    readings: int
    readings_before: int
    days_before: int


class _Column(NamedTuple):
    """A column that follows from the contract: its type, and how it is computed from a device's readings of a day."""

    name: str
    type: str
    value: sql.Composable


def rollup_name(stream: Stream) -> str:
    """The table's name."""
    return f"{stream.stream}_rollup"


def rollup_table(cursor: Cursor, stream: Stream) -> list[str]:
    """Create the stream's rollup table, or add the columns of its new fields, and return what was done, a line each.

    No two columns have one name: those of a field end in ``_min``, ``_max``, ``_mean`` or ``_count``, no other does.

    Raises:
        TelemetryError: a field has another type than it had.
    """
    table = rollup_name(stream)
    wanted = list(_columns(stream))
    if table_exists(cursor, table):
        return add_columns(cursor, stream.stream, table, [(column.name, column.type) for column in wanted])
    cursor.execute(_create_table(table, wanted))
    return [f"table {table}"]


def roll_up(cursor: Cursor, stream: Stream, day: date) -> int:
    """Compute a day's rows anew from all its readings, within the caller's transaction; the number of devices.

    A device that has no reading of the day any more loses its row. Of a day whose readings retention has dropped, the
    rows stay as they are. One transaction at a time may do so for a stream.
    """
    table, readings = sql.Identifier(rollup_name(stream)), sql.Identifier(stream.table)
    columns = list(_columns(stream))
    names = [sql.Identifier(name) for name in ("readings", "first_event_time", "last_event_time")]
    names += [sql.Identifier(column.name) for column in columns]
    values = [sql.SQL("count(*)"), sql.SQL("min(event_time)"), sql.SQL("max(event_time)")]
    span = {"stream": stream.stream, "day": day, "start": Interval.day(day).start, "end": Interval.day(day).end}
    cursor.execute(
        sql.SQL(
            """INSERT INTO {} (device_id, day, {}) SELECT device_id, %(day)s, {} FROM {}
            WHERE event_time >= %(start)s AND event_time < %(end)s AND {} GROUP BY device_id
            ON CONFLICT (device_id, day) DO UPDATE SET {}"""
        ).format(
            table,
            sql.SQL(", ").join(names),
            sql.SQL(", ").join([*values, *(column.value for column in columns)]),
            readings,
            KEPT,
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in names),
        ),
        span,
    )
    devices = cursor.rowcount
    cursor.execute(
        sql.SQL(
            """DELETE FROM {} AS rollup WHERE day = %(day)s AND NOT EXISTS (
                SELECT FROM {} WHERE device_id = rollup.device_id
                AND event_time >= %(start)s AND event_time < %(end)s) AND {}"""
        ).format(table, readings, KEPT),
        span,
    )
    return devices


def daily_volume(cursor: Cursor, stream: Stream, first: date, day: date) -> Volume:
    """The readings of a day, and those of the days from ``first`` to before it."""
    cursor.execute(
        sql.SQL(
            """SELECT coalesce(sum(readings) FILTER (WHERE day = %(day)s), 0)::bigint,
                coalesce(sum(readings) FILTER (WHERE day < %(day)s), 0)::bigint,
                count(DISTINCT day) FILTER (WHERE day < %(day)s)
            FROM {} WHERE day >= %(first)s AND day <= %(day)s"""
        ).format(sql.Identifier(rollup_name(stream))),
        {"first": first, "day": day},
    )
    return Volume(*cursor.fetchall()[0])


def count_silent_devices(cursor: Cursor, stream: Stream, first: date, day: date) -> int:
    """Count the devices with readings on a day from ``first`` to before ``day``, and none on ``day``."""
    cursor.execute(
        sql.SQL("SELECT count(*) FROM ({}) AS silent").format(_silent_devices(stream)), {"first": first, "day": day}
    )
    return int(cursor.fetchall()[0][0])


def list_silent_devices(cursor: Cursor, stream: Stream, first: date, day: date, limit: int) -> list[str]:
    """The first of these devices by name."""
    cursor.execute(
        sql.SQL("{} ORDER BY device_id LIMIT %(limit)s").format(_silent_devices(stream)),
        {"first": first, "day": day, "limit": limit},
    )
    return [device_id for (device_id,) in cursor]


def _silent_devices(stream: Stream) -> sql.Composed:
    return sql.SQL(
        """SELECT device_id FROM {0} WHERE day >= %(first)s AND day < %(day)s
        EXCEPT SELECT device_id FROM {0} WHERE day = %(day)s"""
    ).format(sql.Identifier(rollup_name(stream)))


def _columns(stream: Stream) -> Iterator[_Column]:
    for name, field in stream.fields.items():
        if field.type in (FieldType.double, FieldType.integer):
            yield from _field_columns(name, field)


def _field_columns(name: str, field: ContractField) -> Iterator[_Column]:
    value, own = sql.Identifier(name), TYPES[field.type][0]
    mean = _mean(value) if field.type is FieldType.double else sql.SQL("avg({})::double precision").format(value)
    yield _Column(f"{name}_min", own, sql.SQL("min({})").format(value))
    yield _Column(f"{name}_max", own, sql.SQL("max({})").format(value))
    yield _Column(f"{name}_mean", DOUBLE, mean)
    yield _Column(f"{name}_count", BIGINT, sql.SQL("count({})").format(value))


def _mean(value: sql.Composable) -> sql.Composable:
    """The mean of doubles, of any doubles.

    PostgreSQL's ``avg`` and ``sum`` are errors where a sum (or a sum of squares) leaves a double's range, as a device
    may make it; so is a result too small for one. Scaled by a power of two, which changes no digit, no sum is too
    large; values below ``TINY`` count as 0.
    """
    return sql.SQL(
        "CASE WHEN count({value}) > 0 THEN least({limit}::float8, greatest(-{limit}::float8,"
        " coalesce(sum({value} * {scale}::float8) FILTER (WHERE abs({value}) > {tiny}), 0) / count({value})"
        ")) / {scale}::float8 END"
    ).format(value=value, scale=sql.Literal(SCALE), tiny=sql.Literal(TINY), limit=sql.Literal(SCALED_MAX))


def _create_table(table: str, columns: list[_Column]) -> sql.Composed:
    return sql.SQL(
        """CREATE TABLE {} (
            device_id text COLLATE "C" NOT NULL, day date NOT NULL, readings bigint NOT NULL,
            first_event_time timestamptz NOT NULL, last_event_time timestamptz NOT NULL,
            {} PRIMARY KEY (device_id, day));
        CREATE INDEX ON {} (day)"""
    ).format(
        sql.Identifier(table),
        sql.SQL("").join(sql.SQL("{} {}, ").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in columns),
        sql.Identifier(table),
    )
