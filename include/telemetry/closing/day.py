"""Close a day of a stream. It can be repeated: everything is computed anew each time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from telemetry.accounting.queue_lane import DayNotReadyError
from telemetry.accounting.reconciliation import Reconciler
from telemetry.aws.clients import client
from telemetry.aws.metrics import put_day_metrics
from telemetry.closing.quality import DayQuality, surplus_checks
from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings
from telemetry.contracts.model import Stream
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection, transaction
from telemetry.warehouse.locks import advisory_lock
from telemetry.warehouse.quality_checks import QualityCheck, replace_checks
from telemetry.warehouse.reconciliations import Reconciliation, record_reconciliations
from telemetry.warehouse.rollup import roll_up


@dataclass(frozen=True)
class ClosedDay:
    """The result of closing a day. ``devices`` counts those with readings; the first silent ones are named."""

    stream: str
    day: date
    devices: int
    checks: list[QualityCheck]
    silent: list[str]
    reconciliations: list[Reconciliation]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            **asdict(self),
            "day": self.day.isoformat(),
            "checks": [check.document() for check in self.checks],
            "reconciliations": [lane.document() for lane in self.reconciliations],
        }


def close_day(
    connection: Connection, stream: Stream, day: date, deployment: Deployment, settings: Settings, now: datetime
) -> ClosedDay:
    """Roll the day up, and the days before it that late readings may have touched; check it; reconcile its messages;
    put all of it on the record; and tell CloudWatch, whose alarms tell people.

    Nothing of a day is held in memory. Whatever happens on the way, closing the day again is right.

    Raises:
        DayNotReadyError: the day is not over, messages of it are still in the queue, or the dead letters cannot be
            counted.
    """
    settings = settings.for_stream(stream)
    if now < Interval.day(day).end:
        raise DayNotReadyError(f"{day} is not over yet.", "It can be closed after midnight UTC.")
    reconciler = Reconciler(connection, deployment, settings, stream.stream, day, now.astimezone(UTC))
    reconciler.ensure_queue_drained()
    reconciliations = reconciler.reconcile()
    with transaction(connection) as cursor:
        advisory_lock(cursor, f"closing {stream.stream}")
        devices = 0
        for before in range(settings.quality.rollup_days - 1, -1, -1):
            devices = roll_up(cursor, stream, day - timedelta(days=before))
        quality = DayQuality(cursor, stream, day, settings.quality)
        checks = [*quality.checks(), *surplus_checks(reconciliations, settings.quality)]
        silent = quality.silent_devices()
        replace_checks(cursor, stream.stream, day, checks)
    record_reconciliations(connection, reconciliations)
    put_day_metrics(
        client("cloudwatch"),
        stream.stream,
        {lane.lane.value: lane.unaccounted for lane in reconciliations},
        sum(not check.passed for check in checks),
    )
    return ClosedDay(stream.stream, day, devices, checks, silent, reconciliations)
