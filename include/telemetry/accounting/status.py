"""What became of every message so far, stream by stream, as ``telemetry status`` shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telemetry.accounting.conservation import LaneCounter, LaneSums, Traffic, count_traffic
from telemetry.accounting.queue_lane import queue_depths
from telemetry.accounting.scope import Scope
from telemetry.accounting.unloaded_objects import Messages
from telemetry.aws.clients import client
from telemetry.aws.metrics import FIREHOSE_TRIES, MINUTE, first_day
from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings
from telemetry.contracts.model import Stream
from telemetry.interval import Interval, Lane
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.load_objects import count_partitions
from telemetry.warehouse.readings import stored_readings

LANE_COUNTS = ("published", "loaded", "duplicate", "quarantined", "filtered", "in_flight", "unaccounted", "surplus")


@dataclass(frozen=True)
class StreamAccount:
    """One stream: its table, its queue, and its lanes by name. ``freshness_seconds`` is the newest reading's age.

    The messages of the lanes are of the days of which CloudWatch knows what was published, or of history objects.
    """

    readings: int
    freshness_seconds: float | None
    partitions: int
    queue_depth: int
    dlq_depth: int
    lanes: Mapping[Lane, LaneSums]

    @property
    def in_flight(self) -> int:
        """The sum of both lanes."""
        return sum(lane.in_flight for lane in self.lanes.values())

    @property
    def unaccounted(self) -> bool:
        """Whether a message of either lane is lost."""
        return any(lane.unaccounted for lane in self.lanes.values())

    @property
    def adds_up(self) -> bool:
        """Whether both lanes have exactly what was published."""
        return all(lane.adds_up for lane in self.lanes.values())

    @property
    def at_rest(self) -> bool:
        """Whether the ledger has every published message."""
        return not self.in_flight and self.adds_up

    def document(self) -> dict[str, Any]:
        """As ``telemetry status --json`` prints it."""
        names = ("readings", "freshness_seconds", "partitions", "queue_depth", "dlq_depth")
        lanes = {
            name.value: {count: getattr(lane, count) for count in LANE_COUNTS} for name, lane in self.lanes.items()
        }
        return {**{name: getattr(self, name) for name in names}, "lanes": lanes}


def account(
    streams: Iterable[Stream], connection: Connection, deployment: Deployment, settings: Settings
) -> dict[str, StreamAccount]:
    """Count every stream's messages where they are: those that were received since ``first_day``, and all history.

    Of the days before, CloudWatch does not know what was published. It is minutes late on AWS, and places are counted
    one after the other: ``unaccounted`` means something once no message has come, and no load has run, for as long.
    """
    now = datetime.now(UTC)
    by_name = {stream.stream: stream for stream in streams}
    span = Interval(Interval.day(first_day(now)).start, now + MINUTE)
    traffic = count_traffic(client("cloudwatch"), settings.names, by_name, span, now=now, held=FIREHOSE_TRIES)
    return {
        name: _account_of(stream, traffic[name], connection, deployment, settings, now)
        for name, stream in by_name.items()
    }


def _account_of(
    stream: Stream, traffic: Traffic, connection: Connection, deployment: Deployment, settings: Settings, now: datetime
) -> StreamAccount:
    name = stream.stream
    depths = queue_depths(client("sqs"), settings.names, name)
    counter = LaneCounter(connection, deployment, settings, name, Scope.since(first_day(now)), now)
    lanes = counter.lanes(traffic, Messages(without_id=depths.queue + depths.dead_letters))
    readings = stored_readings(connection, stream)
    return StreamAccount(
        readings=readings.number,
        freshness_seconds=_age(readings.newest),
        partitions=count_partitions(connection, name),
        queue_depth=depths.queue,
        dlq_depth=depths.dead_letters,
        lanes=lanes,
    )


def _age(moment: datetime | None) -> float | None:
    return round((datetime.now(UTC) - moment).total_seconds(), 1) if moment else None
