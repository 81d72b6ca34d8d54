"""Taking away what need not be kept any longer, in bounded transactions.

Loads and objects stay: they are the ledger. What is dropped of the readings and of the quarantine is counted in
``dropped_rows``, in the transaction that drops it, so that at every commit and for every stream

- readings in the table + dropped readings = the sum of ``loaded`` over both lanes,
- rows in quarantine + dropped rows = the sum of ``quarantined``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

from psycopg2 import sql

from telemetry.config.settings import Settings
from telemetry.contracts.loader import StreamFiles
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.table_partitions import Month, default_name, locked, partition_name, partitions_before
from telemetry.warehouse.tables import table_exists

AT_ONCE = 10_000
"""Rows that one transaction deletes; a whole month goes in one, as its table."""

DroppedKind = Literal["readings", "quarantine"]


@dataclass(frozen=True)
class Removed:
    """The number of dropped rows."""

    message_ids: int
    readings: int
    quarantined: int


def apply_retention(
    connection: Connection, files: StreamFiles, settings: Settings, now: datetime | None = None
) -> Removed:
    """Take away what is older than the streams' files or the settings say. Run again, it finds nothing.

    A message id is kept for longer than the message can come again. Readings go by whole months of their event time.
    The settings alone hold for quarantined rows of streams whose file is gone. While any file is faulty, its stream
    cannot be told from these: what belongs to neither stays.
    """
    now = now or datetime.now(UTC)
    own = {name: settings.for_stream(stream).retention for name, stream in files.streams.items()}
    readings = sum(
        drop_readings(connection, name, files.streams[name].table, Month.of(now).plus(-retention.readings_months))
        for name, retention in own.items()
        if retention.readings_months is not None
    )
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    quarantined = sum(
        drop_quarantine(connection, midnight - timedelta(days=retention.quarantine_days), [name])
        for name, retention in own.items()
        if retention.quarantine_days is not None
    )
    if settings.retention.quarantine_days is not None and not files.faults:
        before = midnight - timedelta(days=settings.retention.quarantine_days)
        quarantined += drop_quarantine(connection, before, list(own), others=True)
    message_ids = forget_messages(connection, now - timedelta(days=settings.retention.message_ids_days))
    return Removed(message_ids, readings, quarantined)


def forget_messages(connection: Connection, before: datetime, at_once: int = AT_ONCE) -> int:
    """Forget the ids of queue messages that were loaded before then; how many."""
    forgotten = 0
    while True:
        with transaction(connection) as cursor:
            cursor.execute(
                """DELETE FROM queue_messages WHERE message_id IN (
                    SELECT message_id FROM queue_messages WHERE received_at < %s ORDER BY received_at LIMIT %s
                    FOR UPDATE SKIP LOCKED)""",
                (before, at_once),
            )
            number = cursor.rowcount
        forgotten += number
        if number < at_once:
            return forgotten


def drop_readings(connection: Connection, stream: str, table: str, first_kept: Month, at_once: int = AT_ONCE) -> int:
    """Drop the readings of all months before ``first_kept``; how many.

    A month's own partition goes as a whole, while nobody uses the table; of the default one, rows are deleted.
    """
    drop = partial(_drop_month, stream=stream, table=table, first_kept=first_kept)
    months = partitions_before(connection, table, first_kept)
    dropped = sum(locked(connection, table, "ACCESS EXCLUSIVE", partial(drop, month=month)) for month in months)
    delete = sql.SQL(
        "DELETE FROM {default} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {default} WHERE event_time < %s LIMIT %s))"
    ).format(default=sql.Identifier(default_name(table)))
    while True:
        with transaction(connection) as cursor:
            cursor.execute(delete, (first_kept.start, at_once))
            number = cursor.rowcount
            _count_dropped(cursor, stream, "readings", first_kept.start, number)
        dropped += number
        if number < at_once:
            return dropped


def drop_quarantine(
    connection: Connection, before: datetime, streams: Sequence[str], *, others: bool = False, at_once: int = AT_ONCE
) -> int:
    """Drop what was quarantined before then, of these streams or of all others; how many.

    A row that is being replayed stays for the next time.
    """
    dropped = 0
    while True:
        with transaction(connection) as cursor:
            cursor.execute(
                """WITH gone AS (
                    DELETE FROM quarantine WHERE quarantine_id IN (
                        SELECT quarantine_id FROM quarantine
                        WHERE created_at < %s AND (stream = ANY(%s)) <> %s LIMIT %s FOR UPDATE SKIP LOCKED)
                    RETURNING stream)
                SELECT stream, count(*) FROM gone GROUP BY stream ORDER BY stream""",
                (before, list(streams), others, at_once),
            )
            numbers: list[tuple[str, int]] = cursor.fetchall()
            for stream, number in numbers:
                _count_dropped(cursor, stream, "quarantine", before, number)
        dropped += (number := sum(number for _, number in numbers))
        if number < at_once:
            return dropped


def dropped_rows(connection: Connection, stream: str, kind: DroppedKind) -> int:
    """Count the rows of a stream that retention has dropped so far."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT coalesce(sum(number), 0)::bigint FROM dropped_rows WHERE stream = %s AND kind = %s", (stream, kind)
        )
        return int(next(iter(cursor))[0])


def _drop_month(cursor: Cursor, *, stream: str, table: str, first_kept: Month, month: Month) -> int:
    name = partition_name(table, month)
    if not table_exists(cursor, name):
        return 0  # another run of the same was first
    cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))
    number = int(next(iter(cursor))[0])
    cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    _count_dropped(cursor, stream, "readings", first_kept.start, number)
    return number


def _count_dropped(cursor: Cursor, stream: str, kind: DroppedKind, before: datetime | str, number: int) -> None:
    if number:
        cursor.execute(
            """INSERT INTO dropped_rows AS so_far (stream, kind, before, number) VALUES (%s, %s, %s, %s)
            ON CONFLICT (stream, kind, before) DO UPDATE
            SET number = so_far.number + excluded.number, dropped_at = now()""",
            (stream, kind, before, number),
        )
