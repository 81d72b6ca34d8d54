"""The ledger's objects: each is claimed by one transaction, and counted in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from telemetry.warehouse.connection import Cursor


@dataclass(frozen=True)
class ObjectCounts:
    """What became of an object's messages and rows; ``days`` are its messages by the day they were received."""

    bucket: str
    key: str
    days: Mapping[date, int]
    redelivered: int
    loaded: int
    duplicate: int
    quarantined: int
    first_error: str | None

    @property
    def rows_read(self) -> int:
        return self.loaded + self.duplicate + self.quarantined


def claim_object(
    cursor: Cursor,
    *,
    load_id: int,
    stream: str,
    lane: str,
    bucket: str,
    key: str,
    etag: str,
    size: int,
    partition_start: datetime,
) -> bool:
    """Take an object's place in the ledger. Waits for a transaction that has it; ``False`` when that one commits."""
    cursor.execute(
        """INSERT INTO load_objects (bucket, key, stream, lane, partition_start, load_id, etag, bytes,
            messages, rows_read, loaded, duplicate, quarantined)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING""",
        (bucket, key, stream, lane, partition_start, load_id, etag, size),
    )
    return cursor.rowcount == 1


def record_object(cursor: Cursor, counts: ObjectCounts) -> None:
    """Count a claimed object, and add it to its load's sums: the last thing that its transaction does.

    So a load's sums are those of its objects at every moment, also while it runs, and after it was closed. Loaders of
    one load wait for each other here only, for as long as a commit takes.
    """
    cursor.execute(
        """UPDATE load_objects SET messages = %s, redelivered = %s, rows_read = %s, loaded = %s, duplicate = %s,
            quarantined = %s, first_error = %s WHERE bucket = %s AND key = %s""",
        (
            sum(counts.days.values()),
            counts.redelivered,
            counts.rows_read,
            counts.loaded,
            counts.duplicate,
            counts.quarantined,
            counts.first_error,
            counts.bucket,
            counts.key,
        ),
    )
    cursor.execute(
        """INSERT INTO load_object_days (bucket, key, stream, lane, day, messages)
        SELECT bucket, key, stream, lane, received.day, received.messages
        FROM load_objects, unnest(%s::date[], %s::bigint[]) AS received (day, messages)
        WHERE bucket = %s AND key = %s""",
        (list(counts.days.keys()), list(counts.days.values()), counts.bucket, counts.key),
    )
    cursor.execute(
        """UPDATE loads SET objects = loads.objects + 1, bytes = loads.bytes + one.bytes,
            rows_read = loads.rows_read + one.rows_read, loaded = loads.loaded + one.loaded,
            duplicate = loads.duplicate + one.duplicate, quarantined = loads.quarantined + one.quarantined,
            first_error = coalesce(loads.first_error, one.first_error)
        FROM load_objects AS one WHERE one.bucket = %s AND one.key = %s AND one.load_id = loads.load_id""",
        (counts.bucket, counts.key),
    )
