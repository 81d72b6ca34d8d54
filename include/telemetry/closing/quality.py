"""Is a day's data plausible? Checks against the settings' bounds and against the week before, kept in a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg2 import sql
from psycopg2.extras import execute_values

from telemetry.config.settings import Quality
from telemetry.contracts.model import Stream
from telemetry.contracts.reasons import Reason
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.rollup import rollup_name

SILENT_NAMED = 10
"""How many silent devices are named."""


class CheckName(StrEnum):
    """What is checked."""

    volume = "volume"
    """The day's readings."""
    null_rate = "null_rate"
    """The part of the day's readings that lack an optional field."""
    out_of_range_rate = "out_of_range_rate"
    """The part of the rows that arrived on the day, and were quarantined as out of range."""
    quarantine_rate = "quarantine_rate"
    """The part of the rows that arrived on the day, and were quarantined for any reason."""
    silent_devices = "silent_devices"
    """Devices with readings in the days before, and none on the day."""


@dataclass(frozen=True)
class QualityCheck:
    """What was seen, and the bounds it should be within; ``subject`` is the field, where the check is about one."""

    check_name: CheckName
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


def check_day(cursor: Cursor, stream: Stream, day: date, quality: Quality) -> list[QualityCheck]:
    """Every check of a day whose rollup is computed, also recorded in place of what was recorded of the day before."""
    checks = [
        _volume(cursor, stream, day, quality),
        *_null_rates(cursor, stream, day, quality),
        *_reject_rates(cursor, stream, day, quality),
        _silence(cursor, stream, day, quality),
    ]
    cursor.execute("DELETE FROM quality_checks WHERE stream = %s AND day = %s", (stream.stream, day))
    execute_values(
        cursor,
        "INSERT INTO quality_checks (stream, day, check_name, subject, observed, low, high, passed) VALUES %s",
        [
            (stream.stream, day, one.check_name, one.subject, one.observed, one.low, one.high, one.passed)
            for one in checks
        ],
    )
    return checks


def silent_devices(cursor: Cursor, stream: Stream, day: date, quality: Quality) -> list[str]:
    """The first ``SILENT_NAMED`` of the devices that are silent on a day."""
    cursor.execute(
        sql.SQL("{} ORDER BY device_id LIMIT {}").format(_silent(stream), sql.Literal(SILENT_NAMED)),
        _days(day, quality),
    )
    return [device_id for (device_id,) in cursor]


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


def _volume(cursor: Cursor, stream: Stream, day: date, quality: Quality) -> QualityCheck:
    """Against the mean of those days before that have readings; of too few days nothing follows."""
    cursor.execute(
        sql.SQL(
            """SELECT coalesce(sum(readings) FILTER (WHERE day = %(day)s), 0)::bigint,
                coalesce(sum(readings) FILTER (WHERE day < %(day)s), 0)::bigint,
                count(DISTINCT day) FILTER (WHERE day < %(day)s)
            FROM {} WHERE day >= %(first)s AND day <= %(day)s"""
        ).format(sql.Identifier(rollup_name(stream))),
        _days(day, quality),
    )
    observed, before, days = cursor.fetchall()[0]
    if days < quality.volume_history_days_min:
        return QualityCheck(CheckName.volume, observed)
    mean = before / days
    return QualityCheck(CheckName.volume, observed, quality.volume_ratio_low * mean, quality.volume_ratio_high * mean)


def _null_rates(cursor: Cursor, stream: Stream, day: date, quality: Quality) -> Iterator[QualityCheck]:
    optional = [name for name, field in stream.fields.items() if not field.required]
    counts = sql.SQL("").join(sql.SQL(", count({})").format(sql.Identifier(name)) for name in optional)
    span = Interval.day(day)
    cursor.execute(
        sql.SQL("SELECT count(*){} FROM {} WHERE event_time >= %s AND event_time < %s").format(
            counts, sql.Identifier(stream.table)
        ),
        (span.start, span.end),
    )
    readings, *present = cursor.fetchall()[0]
    for name, number in zip(optional, present, strict=True):
        rate = _rate(readings - number, readings)
        yield QualityCheck(CheckName.null_rate, rate, high=quality.null_rate_max, subject=name)


def _reject_rates(cursor: Cursor, stream: Stream, day: date, quality: Quality) -> Iterator[QualityCheck]:
    """Of the rows of both lanes; a message that is bad in one is bad in the other."""
    span = Interval.day(day)
    values = {"stream": stream.stream, "start": span.start, "end": span.end, "reason": Reason.out_of_range}
    cursor.execute(
        """SELECT coalesce(sum(rows_read), 0)::bigint, coalesce(sum(quarantined), 0)::bigint FROM load_objects
        WHERE stream = %(stream)s AND partition_start >= %(start)s AND partition_start < %(end)s""",
        values,
    )
    rows, quarantined = cursor.fetchall()[0]
    cursor.execute(
        """SELECT count(*) FROM quarantine JOIN load_objects USING (bucket, key)
        WHERE load_objects.stream = %(stream)s AND reason = %(reason)s
          AND partition_start >= %(start)s AND partition_start < %(end)s""",
        values,
    )
    out_of_range = cursor.fetchall()[0][0]
    yield QualityCheck(CheckName.out_of_range_rate, _rate(out_of_range, rows), high=quality.out_of_range_rate_max)
    yield QualityCheck(CheckName.quarantine_rate, _rate(quarantined, rows), high=quality.quarantine_rate_max)


def _silence(cursor: Cursor, stream: Stream, day: date, quality: Quality) -> QualityCheck:
    cursor.execute(sql.SQL("SELECT count(*) FROM ({}) AS silent").format(_silent(stream)), _days(day, quality))
    return QualityCheck(CheckName.silent_devices, cursor.fetchall()[0][0], high=quality.silent_devices_max)


def _silent(stream: Stream) -> sql.Composable:
    return sql.SQL(
        """SELECT device_id FROM {0} WHERE day >= %(first)s AND day < %(day)s
        EXCEPT SELECT device_id FROM {0} WHERE day = %(day)s"""
    ).format(sql.Identifier(rollup_name(stream)))


def _days(day: date, quality: Quality) -> dict[str, date]:
    return {"day": day, "first": day - timedelta(days=quality.trailing_days)}


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
