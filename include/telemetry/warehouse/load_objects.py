"""The table ``load_objects``: the objects of the ledger. Each is claimed and counted in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import NamedTuple

from telemetry.interval import DayRange, Interval, Lane
from telemetry.lake.history import NAME
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Connection, Cursor, transaction

KEYS_AT_ONCE = 1000


@dataclass(frozen=True)
class ObjectCounts:
    """What became of an object's messages and rows; ``days`` are its messages by the day they were received.

    ``nulled`` are values of its readings that did not fit and became null.
    """

    days: Mapping[date, int]
    redelivered: int
    loaded: int
    duplicate: int
    quarantined: int
    first_error: str | None
    filtered: int = 0
    nulled: int = 0

    @property
    def rows_read(self) -> int:
        return self.loaded + self.duplicate + self.quarantined + self.filtered


class RowCounts(NamedTuple):
    """Rows of objects, and how many of them were quarantined."""

    rows_read: int
    quarantined: int


def loaded_keys(connection: Connection, bucket: str, keys: Iterable[str]) -> set[str]:
    """Return the keys whose objects are loaded."""
    loaded: set[str] = set()
    remaining = iter(keys)
    with transaction(connection) as cursor:
        while some := list(islice(remaining, KEYS_AT_ONCE)):
            cursor.execute("SELECT key FROM load_objects WHERE bucket = %s AND key = ANY(%s)", (bucket, some))
            loaded.update(key for (key,) in cursor)
    return loaded


def objects_not_loaded(connection: Connection, objects: Iterable[RawObject]) -> list[RawObject]:
    """Return the objects that the ledger lacks, in order."""
    objects = list(objects)
    loaded = {
        (bucket, key)
        for bucket in {one.bucket for one in objects}
        for key in loaded_keys(connection, bucket, [one.key for one in objects if one.bucket == bucket])
    }
    return [one for one in objects if (one.bucket, one.key) not in loaded]


def claim_object(cursor: Cursor, load_id: int, stream: str, raw_object: RawObject) -> bool:
    """Take an object's place in the ledger. Waits for a transaction that has it; ``False`` when that one commits."""
    cursor.execute(
        """INSERT INTO load_objects (bucket, key, stream, lane, partition_start, load_id, etag, bytes,
            messages, rows_read, loaded, duplicate, quarantined)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING""",
        (
            raw_object.bucket,
            raw_object.key,
            stream,
            raw_object.lane,
            raw_object.hour,
            load_id,
            raw_object.etag,
            raw_object.bytes,
        ),
    )
    return cursor.rowcount == 1


def count_object(cursor: Cursor, raw_object: RawObject, counts: ObjectCounts) -> None:
    """Count a claimed object, and add it to its load's sums: the last thing that its transaction does.

    So a load's sums are those of its objects at every moment, also while it runs, and after it was closed. Loaders of
    one load wait for each other here only, for as long as a commit takes.
    """
    cursor.execute(
        """UPDATE load_objects SET messages = %s, redelivered = %s, rows_read = %s, loaded = %s, duplicate = %s,
            quarantined = %s, filtered = %s, nulled = %s, first_error = %s WHERE bucket = %s AND key = %s""",
        (
            sum(counts.days.values()),
            counts.redelivered,
            counts.rows_read,
            counts.loaded,
            counts.duplicate,
            counts.quarantined,
            counts.filtered,
            counts.nulled,
            counts.first_error,
            raw_object.bucket,
            raw_object.key,
        ),
    )
    cursor.execute(
        """INSERT INTO load_object_days (bucket, key, stream, lane, day, messages)
        SELECT bucket, key, stream, lane, received.day, received.messages
        FROM load_objects, unnest(%s::date[], %s::bigint[]) AS received (day, messages)
        WHERE bucket = %s AND key = %s""",
        (list(counts.days.keys()), list(counts.days.values()), raw_object.bucket, raw_object.key),
    )
    cursor.execute(
        """UPDATE loads SET objects = loads.objects + 1, bytes = loads.bytes + one.bytes,
            rows_read = loads.rows_read + one.rows_read, loaded = loads.loaded + one.loaded,
            duplicate = loads.duplicate + one.duplicate, quarantined = loads.quarantined + one.quarantined,
            filtered = loads.filtered + one.filtered, nulled = loads.nulled + one.nulled,
            first_error = coalesce(loads.first_error, one.first_error)
        FROM load_objects AS one WHERE one.bucket = %s AND one.key = %s AND one.load_id = loads.load_id""",
        (raw_object.bucket, raw_object.key),
    )


def count_rows(cursor: Cursor, stream: str, interval: Interval) -> RowCounts:
    """The rows of the objects of an interval's partitions, of both lanes."""
    cursor.execute(
        """SELECT coalesce(sum(rows_read), 0)::bigint, coalesce(sum(quarantined), 0)::bigint FROM load_objects
        WHERE stream = %s AND partition_start >= %s AND partition_start < %s""",
        (stream, interval.start, interval.end),
    )
    return RowCounts(*cursor.fetchall()[0])


def count_history_records(connection: Connection, stream: str, lane: Lane, days: DayRange) -> int:
    """Count the records of a lane's history objects in the partitions of these days, by the objects' names.

    So many were written into the lake, as others were published. S3 may have deleted the objects since.
    """
    with transaction(connection) as cursor:
        cursor.execute(
            """SELECT coalesce(sum(substring(key FROM %(name)s)::bigint), 0)::bigint FROM load_objects
            WHERE stream = %(stream)s AND lane = %(lane)s AND key ~ %(name)s
            AND (partition_start AT TIME ZONE 'UTC')::date BETWEEN %(first)s AND %(last)s""",
            {"name": NAME.pattern, "stream": stream, "lane": lane, "first": days.first, "last": days.last},
        )
        return int(cursor.fetchall()[0][0])


def count_partitions(connection: Connection, stream: str) -> int:
    """Count the partitions of a stream that have an object in the ledger."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT count(DISTINCT partition_start) FROM load_objects WHERE stream = %s", (stream,))
        return int(cursor.fetchall()[0][0])
