"""The table ``reconciliations``: what became of each closed day's messages, lane by lane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from telemetry.interval import Lane
from telemetry.warehouse.connection import Connection, transaction


@dataclass(frozen=True)
class Reconciliation:
    """One lane's messages of one day. ``accounted`` are those of the ledger's objects."""

    stream: str
    lane: Lane
    day: date
    published: int
    accounted: int
    in_flight: int
    unaccounted: int

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "day": self.day.isoformat()}


@dataclass(frozen=True)
class RecordedReconciliation(Reconciliation):
    """A row of ``reconciliations``."""

    reconciled_at: datetime


def record_reconciliations(connection: Connection, reconciliations: Iterable[Reconciliation]) -> None:
    """Record what was counted, in place of what was counted before."""
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
        return [RecordedReconciliation(name, Lane(lane), *counts) for name, lane, *counts in cursor]
