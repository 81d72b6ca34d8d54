"""Where the messages of a day are that are published and not in the ledger: counted there, never by subtraction."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from telemetry.closing.metrics import total
from telemetry.lake.envelopes import day_number
from telemetry.lake.history import history_records
from telemetry.lake.partitions import HIVE_HOUR, QUEUE, RAW, Interval, hour_of, raw_prefix
from telemetry.lake.records import read_receipts
from telemetry.names import Names
from telemetry.queues import depth, list_dead, queue_url
from telemetry.warehouse import ledger
from telemetry.warehouse.connection import Connection

READERS = 8

_HIVE_DAY = HIVE_HOUR.rpartition("/")[0]


class Unloaded(NamedTuple):
    """The messages of a day that are in objects which the ledger lacks: the ids of those in an envelope, and how many
    have none. ``history`` is how many records the day's history objects hold, loaded or not.
    """

    ids: set[str]
    without_id: int
    history: int


@dataclass(frozen=True)
class Objects:
    """A stream's raw objects. Holds the ids of a day's messages that are not loaded: few, once the day is loaded."""

    connection: Connection
    s3: Any
    bucket: str
    stream: str

    def lake(self, day: date, *, history_only: bool = False) -> Unloaded:
        """Of the day's partitions and the first hour after it: a message reaches Firehose after the rule has it."""
        keys = self._keys(_day_prefix(RAW, self.stream, day))
        if history_only:
            keys = [key for key in keys if history_records(key) is not None]
            return self._unloaded(day, keys, keys)
        return self._unloaded(day, keys, chain(keys, self._keys(raw_prefix(self.stream, Interval.day(day).end))))

    def queue(self, day: date, last: date) -> Unloaded:
        """Of the partitions up to that of ``last``: the hour of a queue object is the hour it was drained."""
        days = (day + timedelta(days=number) for number in range((last - day).days + 1))
        return self._unloaded(
            day, [], chain.from_iterable(self._keys(_day_prefix(QUEUE, self.stream, d)) for d in days)
        )

    def _unloaded(self, day: date, of_day: Iterable[str], keys: Iterable[str]) -> Unloaded:
        keys = list(keys)
        loaded = ledger.loaded_keys(self.connection, self.bucket, keys)
        missing = [key for key in keys if key not in loaded]
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(lambda key: self._messages(key, day), missing))
        return Unloaded(
            ids=set(chain.from_iterable(ids for ids, _ in found)),
            without_id=sum(without_id for _, without_id in found),
            history=sum(history_records(key) or 0 for key in of_day),
        )

    def _messages(self, key: str, day: date) -> tuple[set[str], int]:
        """One object's messages of the day; one without an envelope was received in the object's partition."""
        wanted, of_partition = day_number(Interval.day(day).start), day_number(hour_of(key))
        ids: set[str] = set()
        without_id = 0
        for receipt in read_receipts(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"]):
            if receipt.message_id is None or receipt.day is None:
                without_id += of_partition == wanted
            elif receipt.day == wanted:
                ids.add(receipt.message_id)
        return ids, without_id

    def _keys(self, prefix: str) -> list[str]:
        """The objects of hour partitions below a prefix; what lies elsewhere no load ever takes."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = (entry["Key"] for page in pages for entry in page.get("Contents", []))
        return [key for key in keys if _is_in_partition(key)]


def published(cloudwatch: Any, names: Names, stream: str, day: date) -> int:
    """What the stream's topic rule matched on a day."""
    span = Interval.day(day)
    return total(cloudwatch, "AWS/IoT", "TopicMatch", {"RuleName": names.topic_rule(stream)}, span.start, span.end)


def buffered(cloudwatch: Any, names: Names, stream: str, day: date, *, now: datetime, since: date) -> int:
    """What Firehose took in by the end of a day and has not delivered: it delivers in the order of arrival."""
    firehose, start = {"DeliveryStreamName": names.delivery_stream(stream)}, Interval.day(since).start
    incoming = total(cloudwatch, "AWS/Firehose", "IncomingRecords", firehose, start, Interval.day(day).end)
    delivered = total(cloudwatch, "AWS/Firehose", "DeliveryToS3.Records", firehose, start, now + timedelta(minutes=1))
    return max(0, incoming - delivered)


def dead_letters(sqs: Any, queue: str, day: date) -> set[str]:
    """The ids of the messages of a day that are in a dead-letter queue; none of them leaves it."""
    url = queue_url(sqs, queue)
    return {message.message_id for message in list_dead(sqs, url, depth(sqs, url)) if message.received_at.date() == day}


def _is_in_partition(key: str) -> bool:
    with suppress(ValueError):
        return not key.endswith("/") and bool(hour_of(key))
    return False


def _day_prefix(folder: str, stream: str, day: date) -> str:
    return f"{folder}/{stream}/{day.strftime(_HIVE_DAY)}/"
