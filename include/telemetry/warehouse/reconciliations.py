"""The table ``reconciliations``: what became of each closed day's messages, lane by lane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from psycopg2 import sql

from telemetry.interval import Lane
from telemetry.warehouse.connection import Connection, transaction


@dataclass(frozen=True)
class Reconciliation:
    """One lane's messages of one day. ``accounted`` are those of the ledger's objects.

    ``published`` is what CloudWatch counted on the day. Of these, ``received_before`` were received the day before;
    ``counted_after`` of the day's own it counted on the next (``telemetry.accounting.midnight``).
    """

    stream: str
    lane: Lane
    day: date
    published: int
    received_before: int
    counted_after: int
    accounted: int
    in_flight: int
    unaccounted: int
    surplus: int

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "day": self.day.isoformat()}


@dataclass(frozen=True)
class RecordedReconciliation(Reconciliation):
    """A row of ``reconciliations``."""

    reconciled_at: datetime


RECORD = """
    INSERT INTO reconciliations (stream, lane, day, published, received_before, counted_after, accounted, in_flight,
                                 unaccounted, surplus)
    VALUES (%(stream)s, %(lane)s, %(day)s, %(published)s, %(received_before)s, %(counted_after)s, %(accounted)s,
            %(in_flight)s, %(unaccounted)s, %(surplus)s)
    ON CONFLICT (stream, lane, day) DO UPDATE SET
        (published, received_before, counted_after, accounted, in_flight, unaccounted, surplus, reconciled_at) = (
            excluded.published, excluded.received_before, excluded.counted_after, excluded.accounted,
            excluded.in_flight, excluded.unaccounted, excluded.surplus, now())"""


def record_reconciliations(connection: Connection, reconciliations: Iterable[Reconciliation]) -> None:
    """Record what was counted, in place of what was counted before."""
    with transaction(connection) as cursor:
        for one in reconciliations:
            cursor.execute(RECORD, asdict(one))


def counted_after(connection: Connection, stream: str, day: date) -> int:
    """Return how many messages of a closed day CloudWatch counted on the next day; 0 if it was not closed."""
    with transaction(connection) as cursor:
        cursor.execute(
            "SELECT coalesce(max(counted_after), 0) FROM reconciliations WHERE stream = %s AND day = %s", (stream, day)
        )
        return int(next(iter(cursor))[0])


def list_reconciliations(
    connection: Connection, *, stream: str | None = None, limit: int = 100
) -> list[RecordedReconciliation]:
    """The reconciliations of the newest days."""
    with transaction(connection) as cursor:
        cursor.execute(
            sql.SQL(
                """SELECT {} FROM reconciliations WHERE (%(stream)s IS NULL OR stream = %(stream)s)
                ORDER BY day DESC, stream, lane LIMIT %(limit)s"""
            ).format(sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(RecordedReconciliation))),
            {"stream": stream, "limit": limit},
        )
        return [RecordedReconciliation(name, Lane(lane), *counts) for name, lane, *counts in cursor]
