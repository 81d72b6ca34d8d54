"""Where a load looks for objects: in which lanes and in which hours of arrival. ExtractData and Airflow ask here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.layout import queue_prefix, raw_prefix
from telemetry.lake.raw_object import RawObject

if TYPE_CHECKING:
    from telemetry.warehouse.ledger import LoadKind

LANES: Final[dict[LoadKind, tuple[Lane, ...]]] = {
    "hourly": (Lane.lake,),
    "daily": (Lane.lake, Lane.queue),
    "queue": (Lane.queue,),
}
"""The lanes whose objects a load takes."""
PREFIX: Final = {Lane.lake: raw_prefix, Lane.queue: queue_prefix}


def hours_of(kind: LoadKind, interval: Interval, *, look_back_hours: int, now: datetime) -> list[datetime]:
    """The hours at which a load of an interval looks, in their order.

    hourly: those of the interval, and the ``look_back_hours`` before it, for late objects. daily: those of the
    interval. queue: those of the interval, and from ``look_back_hours`` before ``now`` to the hour that follows: an
    object of the queue lies in the hour in which it was written, which may be after the interval, or hours ago by a
    drain that died before its load, or ahead by a clock that is fast.
    """
    look_back = look_back_hours * HOUR
    match kind:
        case "hourly":
            spans = [Interval(interval.start - look_back, interval.end)]
        case "daily":
            spans = [interval]
        case "queue":
            spans = [interval, Interval(now - look_back, now + HOUR)]
    return sorted({hour for span in spans for hour in span.hours()})


def list_objects(
    s3: Any, bucket: str, stream: str, kind: LoadKind, hours: Iterable[datetime]
) -> Iterator[list[RawObject]]:
    """The objects of those hours, in all lanes of the load, a page of S3's at a time."""
    pages = s3.get_paginator("list_objects_v2")
    for lane, hour in product(LANES[kind], hours):
        for page in pages.paginate(Bucket=bucket, Prefix=PREFIX[lane](stream, hour)):
            yield [
                RawObject(bucket, entry["Key"], entry["ETag"].strip('"'), entry["Size"], lane)
                for entry in page.get("Contents", [])
                if not entry["Key"].endswith("/")
            ]
