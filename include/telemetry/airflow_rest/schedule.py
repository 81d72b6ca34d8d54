"""When the daily run of a day is due. Before that, Airflow creates no run of the day, not even in a backfill."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from telemetry.config.settings import load_settings
from telemetry.contracts.model import Stream
from telemetry.errors import TelemetryError
from telemetry.interval import Interval

DAY = timedelta(days=1)


def due_at(stream: Stream, day: date) -> datetime:
    """Return when a stream's daily run of ``day`` is due: at the schedule's first time after the day is over."""
    just_before = Interval.day(day).end - timedelta(seconds=1)
    return Interval.tick(load_settings().for_stream(stream).schedules.daily, just_before).end


def last_due_day(stream: Stream, now: datetime) -> date:
    """The last day whose run is due."""
    day = now.astimezone(UTC).date() - DAY
    while due_at(stream, day) > now:
        day -= DAY
    return day


def refuse_early(stream: Stream, day: date, now: datetime) -> None:
    """Let pass a day whose run is due.

    Raises:
        TelemetryError: it is not, and when it will be.
    """
    if day >= now.astimezone(UTC).date():
        raise TelemetryError(
            f"{day} is not over yet, and only whole days can be backfilled.",
            "To load a day that is not over, run `telemetry run STREAM --day DAY`.",
        )
    if (moment := due_at(stream, day)) > now:
        raise TelemetryError(
            f"{day} cannot be backfilled yet: its daily run is due at {moment:%Y-%m-%d %H:%M} UTC.",
            f"Wait until then, or load the day now with `telemetry run STREAM --day {day}`.",
        )


def past_span(stream: Stream, days: int, now: datetime) -> Interval:
    """The last ``days`` whole days whose daily runs are due: messages of these days can be backfilled."""
    end = Interval.day(last_due_day(stream, now)).end
    return Interval(end - days * DAY, end)
