"""The messages in objects that the ledger lacks: in flight, and counted where they are, never by subtraction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Any, NamedTuple

from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.envelopes import day_number
from telemetry.lake.history import history_records
from telemetry.lake.layout import HIVE_HOUR, QUEUE, RAW, hour_of, raw_prefix
from telemetry.lake.records import read_headers
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.load_objects import loaded_keys

READERS = 8
FOLDERS = {Lane.lake: RAW, Lane.queue: QUEUE}
"""Where in the raw bucket each lane's objects are."""

_HIVE_DAY = HIVE_HOUR.rpartition("/")[0]


class Unloaded(NamedTuple):
    """Messages in objects that the ledger lacks: the ids of those in an envelope, and how many have none.

    ``history`` is how many records the history objects hold, loaded or not.
    """

    ids: set[str]
    without_id: int
    history: int


class Wanted(NamedTuple):
    """Which objects are searched, by their keys, and which of their messages count.

    ``counts`` is asked of a key and of the day on which a message was received, in whole days since 1970.
    """

    counts: Callable[[str, int], bool]
    searched: Callable[[str], bool] = lambda key: True


@dataclass(frozen=True)
class Objects:
    """A stream's raw and queue objects. Holds the ids of messages that are not loaded: few, once loads have run."""

    connection: Connection
    s3: Any
    bucket: str
    stream: str

    def lake(self, day: date, *, history_only: bool = False) -> Unloaded:
        """The messages received on a day that are in raw objects: of its partitions, and of the hours around it.

        A partition is named after the first record of Firehose's buffer, so that of the hour before midnight may hold
        messages of the day; a message reaches Firehose after the rule has it, so that of the hour after may, too.
        """
        span = Interval.day(day)
        prefixes = [_day_prefix(RAW, self.stream, day)]
        if history_only:
            return self._unloaded(prefixes, Wanted(_received_on(day), _is_history))
        around = (raw_prefix(self.stream, hour) for hour in (span.start - HOUR, span.end))
        return self._unloaded([*prefixes, *around], Wanted(_received_on(day)))

    def queue(self, day: date, last: date) -> Unloaded:
        """The messages received on a day that are in queue objects, of the partitions up to that of ``last``.

        The hour of a queue object is that in which it was written, which is none before its messages were received.
        """
        days = (day + timedelta(days=number) for number in range((last - day).days + 1))
        return self._unloaded([_day_prefix(QUEUE, self.stream, d) for d in days], Wanted(_received_on(day)))

    def since(self, lane: Lane, first: date) -> Unloaded:
        """The messages of a lane received on ``first`` or later, and those of history objects of any day."""
        earliest, number = Interval.day(first).start - HOUR, day_number(Interval.day(first).start)
        wanted = Wanted(
            counts=lambda key, day: day >= number or _is_history(key),
            searched=lambda key: hour_of(key) >= earliest or _is_history(key),
        )
        return self._unloaded([f"{FOLDERS[lane]}/{self.stream}/"], wanted)

    def _unloaded(self, prefixes: Iterable[str], wanted: Wanted) -> Unloaded:
        history = 0
        missing: list[str] = []
        for keys in chain.from_iterable(map(self._pages, prefixes)):
            chosen = [key for key in keys if wanted.searched(key)]
            history += sum(history_records(key) or 0 for key in chosen if wanted.counts(key, _day_of_partition(key)))
            loaded = loaded_keys(self.connection, self.bucket, chosen)
            missing += (key for key in chosen if key not in loaded)
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(lambda key: self._messages(key, wanted), missing))
        ids = set(chain.from_iterable(ids for ids, _ in found))
        return Unloaded(ids, sum(without_id for _, without_id in found), history)

    def _messages(self, key: str, wanted: Wanted) -> tuple[set[str], int]:
        """One object's messages; one without an envelope was received in the object's partition."""
        of_partition = wanted.counts(key, _day_of_partition(key))
        ids: set[str] = set()
        without_id = 0
        for header in read_headers(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"]):
            if header.message_id is None or header.day is None:
                without_id += of_partition
            elif wanted.counts(key, header.day):
                ids.add(header.message_id)
        return ids, without_id

    def _pages(self, prefix: str) -> Iterator[list[str]]:
        """The objects of hour partitions below a prefix; what lies elsewhere no load ever takes."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield [entry["Key"] for entry in page.get("Contents", []) if _is_in_partition(entry["Key"])]


def _received_on(day: date) -> Callable[[str, int], bool]:
    number = day_number(Interval.day(day).start)
    return lambda _, received: received == number


def _is_history(key: str) -> bool:
    return history_records(key) is not None


def _day_of_partition(key: str) -> int:
    return day_number(hour_of(key))


def _is_in_partition(key: str) -> bool:
    with suppress(ValueError):
        return not key.endswith("/") and bool(hour_of(key))
    return False


def _day_prefix(folder: str, stream: str, day: date) -> str:
    return f"{folder}/{stream}/{day.strftime(_HIVE_DAY)}/"
