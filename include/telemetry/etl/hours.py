"""Where a load looks for objects: in which lanes and in which hours of arrival. ExtractData and Airflow ask here."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.layout import queue_prefix, raw_prefix

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


def prefixes(stream: str, kind: LoadKind, hours: list[datetime]) -> list[tuple[Lane, str]]:
    """Where in the raw bucket the objects of a load's lanes and of those hours are: lane by lane, in their order."""
    return [(lane, PREFIX[lane](stream, hour)) for lane in LANES[kind] for hour in hours]
