"""Hour partitions: how time becomes a prefix in S3, and a key becomes an hour again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

HOUR = timedelta(hours=1)
RAW = "raw-data"
QUEUE = "queue-data"
PROCESSED = "processed-data"
QUARANTINE = "quarantine-data"
MANIFESTS = "manifests"
RAW_ERRORS = "raw-errors"
RULE_ERRORS = "rule-errors"

HIVE_HOUR = "year=%Y/month=%m/day=%d/hour=%H"
# The same in Firehose's words. `yyyy` is the year; `YYYY` would be the week's, which differs around New Year.
FIREHOSE_HOUR = "year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}"
_IN_KEY = re.compile(r"/year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)/")


class Lane(StrEnum):
    """The two ways that every message goes."""

    lake = "lake"
    queue = "queue"


@dataclass(frozen=True, order=True)
class Interval:
    """A half-open span of arrival time in UTC: ``start <= t < end``."""

    start: datetime
    end: datetime

    @classmethod
    def hour(cls, moment: datetime) -> Interval:
        """The hour that holds ``moment``."""
        start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return cls(start, start + HOUR)

    @classmethod
    def day(cls, day: date) -> Interval:
        """The 24 hours of a day."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return cls(start, start + timedelta(days=1))

    def hours(self) -> Iterator[datetime]:
        """The start of every hour that the interval touches."""
        hour = Interval.hour(self.start).start
        while hour < self.end:
            yield hour
            hour += HOUR


def raw_prefix(stream: str, hour: datetime) -> str:
    """The prefix of one partition of raw objects; it ends in a slash."""
    return f"{RAW}/{stream}/{hour.astimezone(UTC).strftime(HIVE_HOUR)}/"


def queue_prefix(stream: str, hour: datetime) -> str:
    """The prefix of the queue objects of one hour; it ends in a slash."""
    return f"{QUEUE}/{stream}/{hour.astimezone(UTC).strftime(HIVE_HOUR)}/"


def derived_key(folder: str, stream: str, lane: str, raw_key: str) -> str:
    """Where what is made of a raw object goes: below ``folder``, in the raw object's partition, under its name.

    No two raw objects of a stream and a lane share it: the name is all of the key that follows the partition.
    """
    partition = _partition(raw_key)
    return f"{folder}/{stream}/lane={lane}{partition[0]}{raw_key[partition.end() :]}.parquet"


def hour_of(key: str) -> datetime:
    """The hour of arrival that a key names.

    Raises:
        ValueError: the key is in no hour partition.
    """
    year, month, day, hour = (int(part) for part in _partition(key).groups())
    return datetime(year, month, day, hour, tzinfo=UTC)


def _partition(key: str) -> re.Match[str]:
    found = _IN_KEY.search(key)
    if found is None:
        raise ValueError(f"{key!r} is in no hour partition")
    return found
