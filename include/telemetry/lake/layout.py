"""The layout of the lake: folders and hour partitions, as keys and parsed from keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

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
_PARTITION = re.compile(r"/(year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d))/")


class KeyParts(NamedTuple):
    """The key of a raw object, taken apart: ``name`` is all that follows the partition."""

    stream: str
    partition: str
    hour: datetime
    name: str


def raw_prefix(stream: str, hour: datetime) -> str:
    """The prefix of one partition of raw objects; it ends in a slash."""
    return f"{RAW}/{stream}/{hour.astimezone(UTC).strftime(HIVE_HOUR)}/"


def queue_prefix(stream: str, hour: datetime) -> str:
    """The prefix of the queue objects of one hour; it ends in a slash."""
    return f"{QUEUE}/{stream}/{hour.astimezone(UTC).strftime(HIVE_HOUR)}/"


def firehose_prefix(stream: str) -> str:
    """The prefix of raw objects, in Firehose's expressions (developer guide, "Understand custom prefixes")."""
    return f"{RAW}/{stream}/{FIREHOSE_HOUR}/"


def firehose_error_prefix(stream: str) -> str:
    """The prefix of records that Firehose could not deliver, in Firehose's expressions."""
    return f"{RAW_ERRORS}/{stream}/!{{firehose:error-output-type}}/{FIREHOSE_HOUR}/"


def rule_error_key(stream: str) -> str:
    """The key of a message that the topic rule could not hand on, in AWS IoT's substitution templates."""
    return f"{RULE_ERRORS}/{stream}/${{timestamp()}}-${{newuuid()}}.json"


def parse_key(key: str) -> KeyParts:
    """The parts of a raw object's key.

    Raises:
        ValueError: the key is in no hour partition.
    """
    found = _PARTITION.search(key)
    if found is None:
        raise ValueError(f"{key!r} is in no hour partition")
    partition, *numbers = found.groups()
    year, month, day, hour = map(int, numbers)
    stream = key[: found.start()].partition("/")[2]
    return KeyParts(stream, partition, datetime(year, month, day, hour, tzinfo=UTC), key[found.end() :])


def hour_of(key: str) -> datetime:
    """The hour of arrival that a key names.

    Raises:
        ValueError: the key is in no hour partition.
    """
    return parse_key(key).hour
