"""The table ``quality_checks``: the quality of each closed day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from psycopg2.extras import execute_values

from telemetry.warehouse.connection import Connection, Cursor, transaction


@dataclass(frozen=True)
class QualityCheck:
    """An observed value and its bounds; ``subject`` is the field, if the check is about one."""

    check_name: str
    observed: float
    low: float | None = None
    high: float | None = None
    subject: str = ""

    @property
    def passed(self) -> bool:
        return (self.low is None or self.low <= self.observed) and (self.high is None or self.observed <= self.high)

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


@dataclass(frozen=True)
class RecordedCheck:
    """A row of ``quality_checks``."""

    stream: str
    day: date
    check_name: str
    subject: str
    observed: float
    low: float | None
    high: float | None
    passed: bool
    checked_at: datetime


def replace_checks(cursor: Cursor, stream: str, day: date, checks: Iterable[QualityCheck]) -> None:
    """Record a day's checks in place of those that were recorded before."""
    cursor.execute("DELETE FROM quality_checks WHERE stream = %s AND day = %s", (stream, day))
    execute_values(
        cursor,
        "INSERT INTO quality_checks (stream, day, check_name, subject, observed, low, high, passed) VALUES %s",
        [(stream, day, one.check_name, one.subject, one.observed, one.low, one.high, one.passed) for one in checks],
    )


def list_checks(
    connection: Connection, *, stream: str | None = None, day: date | None = None, limit: int = 100
) -> list[RecordedCheck]:
    """The checks of the newest days."""
    with transaction(connection) as cursor:
        cursor.execute(
            """SELECT stream, day, check_name, subject, observed, low, high, passed, checked_at FROM quality_checks
            WHERE (%(stream)s IS NULL OR stream = %(stream)s) AND (%(day)s::date IS NULL OR day = %(day)s)
            ORDER BY day DESC, stream, check_name, subject LIMIT %(limit)s""",
            {"stream": stream, "day": day, "limit": limit},
        )
        return [RecordedCheck(*row) for row in cursor]
