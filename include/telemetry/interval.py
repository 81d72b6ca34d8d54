"""Spans of arrival time in UTC, and the two lanes: words that every package uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

HOUR = timedelta(hours=1)


class Lane(StrEnum):
    """The two ways that every message goes."""

    lake = "lake"
    queue = "queue"


@dataclass(frozen=True, order=True)
class Interval:
    """A half-open span of arrival time in UTC: ``start <= t < end``."""

    start: datetime
    end: datetime

    @classmethod
    def hour(cls, moment: datetime) -> Interval:
        """The hour that holds ``moment``."""
        start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return cls(start, start + HOUR)

    @classmethod
    def day(cls, day: date) -> Interval:
        """The 24 hours of a day."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return cls(start, start + timedelta(days=1))

    @classmethod
    def tick(cls, cron: str, moment: datetime) -> Interval:
        """From one time of a cron expression in UTC to the next: the span that holds ``moment``."""
        from croniter import croniter  # type: ignore[import-untyped]  # it is what Airflow reads schedules with

        end: datetime = croniter(cron, moment.astimezone(UTC)).get_next(datetime)
        return cls(croniter(cron, end).get_prev(datetime), end)

    def hours(self) -> Iterator[datetime]:
        """The start of every hour that the interval touches."""
        hour = Interval.hour(self.start).start
        while hour < self.end:
            yield hour
            hour += HOUR


@dataclass(frozen=True)
class DayRange:
    """Whole days in UTC, from ``first`` to ``last``, both of them included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last
