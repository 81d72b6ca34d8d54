"""The reconciliation of a past day: what became of every message received on it, lane by lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from telemetry.accounting import queue_lane
from telemetry.accounting.conservation import LaneCounter, LaneSums, count_traffic, count_until_it_adds_up
from telemetry.accounting.midnight import AFTER_MIDNIGHT, Midnights, settle
from telemetry.accounting.scope import Scope
from telemetry.accounting.unloaded_objects import Messages
from telemetry.aws import metrics
from telemetry.aws.clients import client
from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings
from telemetry.interval import Interval, Lane
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.reconciliations import Reconciliation, counted_after


@dataclass(frozen=True)
class Reconciler:
    """Counts a stream's messages that were received on ``day``, in UTC."""

    connection: Connection
    deployment: Deployment
    settings: Settings
    stream: str
    day: date
    now: datetime

    def ensure_queue_drained(self) -> None:
        """Check that no message of the day is in the queue any more.

        Raises:
            DayNotReadyError: one is.
        """
        if self._has_metrics:
            queue = self.settings.names.queue(self.stream)
            queue_lane.ensure_queue_drained(self.day, client("cloudwatch"), client("sqs"), queue, self.stream, self.now)

    def reconcile(self) -> list[Reconciliation]:
        """Count every lane.

        Published are the matches of the stream's topic rule, and for the lake the records of the history objects in
        the day's partitions. Of a day before the first of which CloudWatch has every sum, the history objects alone are
        counted, on both sides, and the queue lane is not.

        Raises:
            DayNotReadyError: the dead letters cannot be counted.
        """
        lanes = count_until_it_adds_up(self._lanes if self._has_metrics else self._history)
        midnights = self._midnights(lanes) if self._has_metrics else Midnights()
        return [self._reconciliation(lane, sums, midnights) for lane, sums in lanes.items()]

    def _reconciliation(self, lane: Lane, sums: LaneSums, midnights: Midnights) -> Reconciliation:
        difference = midnights.correct(sums.difference)
        return Reconciliation(
            self.stream,
            lane,
            self.day,
            published=sums.published,
            received_before=midnights.received_before,
            counted_after=midnights.counted_after,
            accounted=sums.accounted,
            in_flight=sums.in_flight,
            unaccounted=max(0, difference),
            surplus=max(0, -difference),
        )

    def _midnights(self, lanes: Mapping[Lane, LaneSums]) -> Midnights:
        rule, end = metrics.published(self.settings.names, self.stream), Interval.day(self.day).end
        after = metrics.sums(client("cloudwatch"), [rule], end, end + AFTER_MIDNIGHT, metrics.MINUTE)
        before = counted_after(self.connection, self.stream, self.day - metrics.DAY)
        return settle({lane: sums.difference for lane, sums in lanes.items()}, before, after[rule])

    @property
    def _has_metrics(self) -> bool:
        return self.day >= metrics.first_day(self.now)

    def _lanes(self) -> Mapping[Lane, LaneSums]:
        """Of Firehose's buffer, what it may hold of the day's records: none, once the day's last partition is settled.

        A day is closed once, so that nothing is in flight for as long as Firehose may try. Where S3 does not take an
        object, it tries for up to 24 hours. Its messages are unaccounted for until it is there: then ``close_day`` is
        to be cleared, and the day adds up.
        """
        names, span = self.settings.names, Interval.day(self.day)
        traffic = count_traffic(
            client("cloudwatch"), names, [self.stream], span, now=self.now, held=self.settings.partition_grace
        )
        queue = names.dead_letter_queue(self.stream)
        dead = queue_lane.dead_letters(self.day, self.connection, client("sqs"), queue)
        return self._counter(Scope.of_day(self.day)).lanes(traffic[self.stream], Messages(ids=dead))

    def _history(self) -> Mapping[Lane, LaneSums]:
        return self._counter(Scope.history_of_day(self.day)).history()

    def _counter(self, scope: Scope) -> LaneCounter:
        return LaneCounter(self.connection, self.deployment, self.settings, self.stream, scope, self.now)
