"""Hour partitions: how time becomes a prefix in S3, and a key becomes an hour again."""

from __future__ import annotations

import re
from datetime import UTC, datetime

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
# And in Athena's, with the slash that ends a location (Athena user guide, "Set up partition projection").
ATHENA_HOUR = "year=${year}/month=${month}/day=${day}/hour=${hour}/"
ATHENA_LANE_HOUR = f"lane=${{lane}}/{ATHENA_HOUR}"
_IN_KEY = re.compile(r"/year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)/")


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
