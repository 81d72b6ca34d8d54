"""What became of a day's messages: published = accounted + in flight + unaccounted, lane by lane, kept in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from telemetry.accounting.queue_lane import Clients, dead_letters, ensure_queue_drained
from telemetry.accounting.unloaded import Objects
from telemetry.aws import metrics
from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings
from telemetry.interval import Interval, Lane
from telemetry.lake.history import NAME
from telemetry.warehouse.connection import Connection, transaction
from telemetry.warehouse.queue_messages import known_messages

RECOUNTS = 3


@dataclass(frozen=True)
class Reconciliation:
    """One lane's messages of one day. ``accounted`` are those of the ledger's objects."""

    stream: str
    lane: Lane
    day: date
    published: int
    accounted: int
    in_flight: int

    @property
    def unaccounted(self) -> int:
        """Published, but neither in the ledger nor in flight; below 0 where there is more than was published."""
        return self.published - self.accounted - self.in_flight

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "day": self.day.isoformat(), "unaccounted": self.unaccounted}


@dataclass(frozen=True)
class RecordedReconciliation:
    """A row of ``reconciliations``."""

    stream: str
    lane: str
    day: date
    published: int
    accounted: int
    in_flight: int
    unaccounted: int
    reconciled_at: datetime


@dataclass(frozen=True)
class Reconciler:
    """Counts a stream's messages that were received on ``day``, in UTC."""

    connection: Connection
    clients: Clients
    deployment: Deployment
    settings: Settings
    stream: str
    day: date
    now: datetime

    def ensure_queue_drained(self) -> None:
        """See that no message of the day is in the queue any more.

        Raises:
            DayNotReadyError: one is.
        """
        if self._has_metrics:
            ensure_queue_drained(self.day, self.clients, self.settings.names.queue(self.stream), self.stream, self.now)

    def reconcile(self) -> list[Reconciliation]:
        """Count every lane.

        Published are the matches of the stream's topic rule, and for the lake the records of the history objects in
        the day's partitions. Of a day before the first of which CloudWatch has every sum, the history objects alone are
        counted, on both sides, and the queue lane is not.

        Raises:
            DayNotReadyError: the dead letters cannot be counted.
        """
        if not self._has_metrics:
            return count_until_it_adds_up(lambda: [self._history()])
        return count_until_it_adds_up(lambda: [self._lake(), self._queue()])

    @property
    def _has_metrics(self) -> bool:
        return self.day >= metrics.first_day(self.now)

    def _lake(self) -> Reconciliation:
        """A message in Firehose's buffer is in an object next: so they are counted in this order."""
        buffered, objects = self._buffered(), self._objects.lake(self.day)
        in_flight = buffered + len(objects.ids) + objects.without_id
        return self._lane(Lane.lake, self._published() + objects.history, in_flight)

    def _history(self) -> Reconciliation:
        objects = self._objects.lake(self.day, history_only=True)
        in_flight = len(objects.ids) + objects.without_id
        return self._lane(Lane.lake, objects.history, in_flight, keys=NAME.pattern)

    def _queue(self) -> Reconciliation:
        """A message may be in an object and still come again, or be a dead letter: its id counts once."""
        retention = timedelta(seconds=self.settings.queue.retention_seconds)
        last = min(self.now, Interval.day(self.day).end + retention)
        objects = self._objects.queue(self.day, last.astimezone(UTC).date())
        queue = self.settings.names.dead_letter_queue(self.stream)
        ids = objects.ids | dead_letters(self.day, self.connection, self.clients.sqs, queue)
        ids -= known_messages(self.connection, ids)
        return self._lane(Lane.queue, self._published(), len(ids) + objects.without_id)

    def _lane(self, lane: Lane, published: int, in_flight: int, keys: str = "") -> Reconciliation:
        """``accounted`` is counted last: what leaves a place before it is counted there is met in the ledger."""
        return Reconciliation(self.stream, lane, self.day, published, self._accounted(lane, keys), in_flight)

    def _accounted(self, lane: Lane, keys: str) -> int:
        """The messages of the ledger's objects, of those whose keys match where a pattern is given."""
        with transaction(self.connection) as cursor:
            cursor.execute(
                """SELECT coalesce(sum(messages), 0)::bigint FROM load_object_days
                WHERE stream = %s AND lane = %s AND day = %s AND key ~ %s""",
                (self.stream, lane, self.day, keys),
            )
            return int(cursor.fetchall()[0][0])

    def _published(self) -> int:
        metric, span = metrics.published(self.settings.names, self.stream), Interval.day(self.day)
        return metrics.sums(self.clients.cloudwatch, [metric], span.start, span.end)[metric]

    def _buffered(self) -> int:
        """What Firehose may have in its buffer of the day's records: none, once the day's last partition is settled.

        A day is closed once, so that nothing is in flight for as long as Firehose may try. Where S3 does not take an
        object, it tries for up to 24 hours. Its messages are unaccounted for until it is there: then ``close_day`` is
        to be cleared, and the day adds up.
        """
        return metrics.buffered(
            self.clients.cloudwatch,
            self.settings.names,
            [self.stream],
            until=Interval.day(self.day).end,
            now=self.now,
            held=self.settings.partition_grace,
        )[self.stream]

    @property
    def _objects(self) -> Objects:
        return Objects(self.connection, self.clients.s3, self.deployment.raw_bucket, self.stream)


def count_until_it_adds_up(count: Callable[[], list[Reconciliation]]) -> list[Reconciliation]:
    """The first count that adds up, or else the last of ``RECOUNTS``: a message on its way from one place to the next
    may be missed, or met twice.
    """
    lanes: list[Reconciliation] = []
    for _ in range(RECOUNTS):
        lanes = count()
        if not any(lane.unaccounted for lane in lanes):
            break
    return lanes


def record(connection: Connection, reconciliations: Iterable[Reconciliation]) -> None:
    """Keep what was counted, in place of what was counted before."""
    with transaction(connection) as cursor:
        for one in reconciliations:
            cursor.execute(
                """INSERT INTO reconciliations (stream, lane, day, published, accounted, in_flight, unaccounted)
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (stream, lane, day) DO UPDATE SET
                    (published, accounted, in_flight, unaccounted, reconciled_at) = (
                        excluded.published, excluded.accounted, excluded.in_flight, excluded.unaccounted, now())""",
                (one.stream, one.lane, one.day, one.published, one.accounted, one.in_flight, one.unaccounted),
            )


def list_reconciliations(
    connection: Connection, *, stream: str | None = None, limit: int = 100
) -> list[RecordedReconciliation]:
    """The reconciliations of the newest days."""
    with transaction(connection) as cursor:
        cursor.execute(
            """SELECT stream, lane, day, published, accounted, in_flight, unaccounted, reconciled_at
            FROM reconciliations WHERE (%(stream)s IS NULL OR stream = %(stream)s)
            ORDER BY day DESC, stream, lane LIMIT %(limit)s""",
            {"stream": stream, "limit": limit},
        )
        return [RecordedReconciliation(*row) for row in cursor]
