"""The law: published = accounted + in flight + unaccounted - surplus, of one stream and lane.

``telemetry status`` and the closing of a day count by the same functions. What differs is which messages they are about
(``Scope``), and how the queue is counted: now by its depth, for a past day by the ids of the dead letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

from telemetry.accounting.scope import Scope
from telemetry.accounting.unloaded_objects import Messages, UnloadedObjects
from telemetry.aws import metrics
from telemetry.aws.clients import client
from telemetry.config.deployment import Deployment
from telemetry.config.names import Names
from telemetry.config.settings import Settings
from telemetry.interval import Interval, Lane
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.load_object_days import count_accounted
from telemetry.warehouse.load_objects import count_history_records
from telemetry.warehouse.queue_messages import known_messages

COUNTS_MAX = 3


@dataclass(frozen=True)
class LaneSums:
    """One lane's messages. ``accounted`` are those of the ledger's objects, whose rows the next four count."""

    published: int
    accounted: int
    loaded: int
    duplicate: int
    quarantined: int
    filtered: int
    in_flight: int

    @property
    def difference(self) -> int:
        """Published messages beyond those in the ledger and in flight; below 0 if there are more of these."""
        return self.published - self.accounted - self.in_flight

    @property
    def unaccounted(self) -> int:
        """Published, but neither in the ledger nor in flight: lost."""
        return max(0, self.difference)

    @property
    def surplus(self) -> int:
        """In the ledger or in flight, but not published: delivered twice by Firehose, say. Nothing is lost."""
        return max(0, -self.difference)

    @property
    def adds_up(self) -> bool:
        """Whether exactly what was published is there."""
        return self.difference == 0


class Traffic(NamedTuple):
    """What CloudWatch knows of a stream: the messages published, and those that Firehose may still hold."""

    published: int
    buffered: int


def count_traffic(
    cloudwatch: Any, names: Names, streams: Iterable[str], span: Interval, *, now: datetime, held: timedelta
) -> dict[str, Traffic]:
    """By stream, the matches of its topic rule in ``span``, and what Firehose may still hold of them.

    It holds a message for ``held`` at most.
    """
    topics = {stream: metrics.published(names, stream) for stream in streams}
    published = metrics.sums(cloudwatch, topics.values(), span.start, span.end)
    buffered = metrics.buffered(cloudwatch, names, topics, until=span.end, now=now, held=held)
    return {stream: Traffic(published[metric], buffered[stream]) for stream, metric in topics.items()}


@dataclass(frozen=True)
class LaneCounter:
    """Counts a stream's messages of a scope, lane by lane."""

    connection: Connection
    deployment: Deployment
    settings: Settings
    stream: str
    scope: Scope
    now: datetime

    def lanes(self, traffic: Traffic, queued: Messages) -> dict[Lane, LaneSums]:
        """Both lanes. ``queued`` are in the queue or in the dead-letter queue.

        Places are counted in the order in which messages pass them, the ledger last: none slips through.
        """
        buffered = Messages(without_id=traffic.buffered)
        return {
            Lane.lake: self._lane(Lane.lake, traffic.published, buffered),
            Lane.queue: self._lane(Lane.queue, traffic.published, queued),
        }

    def history(self) -> dict[Lane, LaneSums]:
        """The lake alone, of a scope of history alone: nothing of it was published to a topic."""
        return {Lane.lake: self._lane(Lane.lake, 0, Messages())}

    def _lane(self, lane: Lane, published: int, waiting: Messages) -> LaneSums:
        """``waiting`` are messages that were in no object when they were counted."""
        unloaded = self._objects.find(lane, self.scope)
        in_flight = self._count_once(lane, waiting, unloaded.messages)
        accounted = count_accounted(
            self.connection, self.stream, lane, received=self.scope.received, history=self.scope.history
        )
        loaded_history = count_history_records(self.connection, self.stream, lane, self.scope.history)
        return LaneSums(
            published=published + unloaded.history_records + loaded_history,
            accounted=accounted.messages,
            loaded=accounted.loaded,
            duplicate=accounted.duplicate,
            quarantined=accounted.quarantined,
            filtered=accounted.filtered,
            in_flight=in_flight,
        )

    @property
    def _objects(self) -> UnloadedObjects:
        return UnloadedObjects(
            self.connection,
            client("s3"),
            self.deployment.raw_bucket,
            self.stream,
            queue_retention=timedelta(seconds=self.settings.queue.retention_seconds),
            now=self.now,
        )

    def _count_once(self, lane: Lane, waiting: Messages, unloaded: Messages) -> int:
        """A queue message may be in an object and come again, or be a dead letter: its id counts once, and not at all
        where the ledger has it.
        """
        ids = waiting.ids | unloaded.ids
        if lane is Lane.queue:
            ids -= known_messages(self.connection, ids)
        return len(ids) + waiting.without_id + unloaded.without_id


class _Counted(Protocol):
    @property
    def adds_up(self) -> bool: ...


K = TypeVar("K")
V = TypeVar("V", bound=_Counted)


def count_until_it_adds_up(count: Callable[[], Mapping[K, V]]) -> Mapping[K, V]:
    """Return the first count that adds up, or else the last of ``COUNTS_MAX``: a message on its way from one place to
    the next may be missed, or met twice.
    """
    for _ in range(COUNTS_MAX - 1):
        found = count()
        if all(one.adds_up for one in found.values()):
            return found
    return count()
