"""The messages in objects that the ledger lacks. They are counted in the objects, never computed by subtraction."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from telemetry.accounting.scope import ALL_DAYS, Scope
from telemetry.interval import HOUR, DayRange, Interval, Lane
from telemetry.lake.envelopes import day_of
from telemetry.lake.history import history_records
from telemetry.lake.layout import HIVE_HOUR, QUEUE, RAW, hour_of, raw_prefix
from telemetry.lake.records import read_headers
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.load_objects import loaded_keys

READERS = 8
FOLDERS = {Lane.lake: RAW, Lane.queue: QUEUE}
"""Where in the raw bucket each lane's objects are."""

_HIVE_DAY = HIVE_HOUR.rpartition("/")[0]


class Messages(NamedTuple):
    """Messages in one place: the ids of those that are known by one, and how many others there are."""

    ids: frozenset[str] = frozenset()
    without_id: int = 0


class Unloaded(NamedTuple):
    """The messages in objects that the ledger lacks. ``history_records`` are the records of the history objects among
    them.
    """

    messages: Messages
    history_records: int


@dataclass(frozen=True)
class UnloadedObjects:
    """A stream's raw and queue objects. Holds the ids of messages that are not loaded: few, once loads have run."""

    connection: Connection
    s3: Any
    bucket: str
    stream: str
    queue_retention: timedelta
    now: datetime

    def find(self, lane: Lane, scope: Scope) -> Unloaded:
        """The messages of a scope in a lane's objects."""
        history = 0
        missing: list[str] = []
        for page in chain.from_iterable(map(self._pages, self._prefixes(lane, scope))):
            keys = [key for key in page if _may_hold_messages(key, scope)]
            loaded = loaded_keys(self.connection, self.bucket, keys)
            lacking = [key for key in keys if key not in loaded]
            history += sum(history_records(key) or 0 for key in lacking if hour_of(key).date() in scope.history)
            missing += lacking
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(partial(self._read, scope=scope), missing))
        ids = frozenset(chain.from_iterable(messages.ids for messages in found))
        return Unloaded(Messages(ids, sum(messages.without_id for messages in found)), history)

    def _read(self, key: str, scope: Scope) -> Messages:
        """One object's messages; one without an envelope was received in the object's partition."""
        days = scope.days(key)
        if days is None:
            return Messages()
        counts_partition = hour_of(key).date() in days
        ids: set[str] = set()
        without_id = 0
        for header in read_headers(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"]):
            if header.message_id is None or header.day is None:
                without_id += counts_partition
            elif day_of(header.day) in days:
                ids.add(header.message_id)
        return Messages(frozenset(ids), without_id)

    def _prefixes(self, lane: Lane, scope: Scope) -> Iterator[str]:
        """The prefixes of objects that may hold messages of a scope.

        lake: a partition is named after the first record of Firehose's buffer, so that of the hour before midnight may
        hold messages of the day; a message reaches Firehose after the rule has it, so that of the hour after may, too.
        queue: the hour of an object is that in which it was written, which is none before its messages were received,
        and none after the queue has dropped them.
        """
        if scope.history == ALL_DAYS:
            yield f"{FOLDERS[lane]}/{self.stream}/"
            return
        first, last = scope.history.first, scope.history.last
        start, end = Interval.day(first).start, Interval.day(last).end
        if lane is Lane.queue:
            last = min(self.now, end + self.queue_retention).astimezone(UTC).date()
        for day in _days(DayRange(first, last)):
            yield f"{FOLDERS[lane]}/{self.stream}/{day.strftime(_HIVE_DAY)}/"
        if lane is Lane.lake and scope.received:
            yield from (raw_prefix(self.stream, hour) for hour in (start - HOUR, end))

    def _pages(self, prefix: str) -> Iterator[list[str]]:
        """The objects of hour partitions below a prefix; what lies elsewhere no load ever takes."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield [entry["Key"] for entry in page.get("Contents", []) if _is_in_partition(entry["Key"])]


def _may_hold_messages(key: str, scope: Scope) -> bool:
    """Whether an object may hold messages of the scope, judging by its partition."""
    if history_records(key) is not None:
        return True
    return scope.received is not None and hour_of(key) >= Interval.day(scope.received.first).start - HOUR


def _is_in_partition(key: str) -> bool:
    with suppress(ValueError):
        return not key.endswith("/") and bool(hour_of(key))
    return False


def _days(days: DayRange) -> Iterator[date]:
    return (days.first + timedelta(days=number) for number in range((days.last - days.first).days + 1))
