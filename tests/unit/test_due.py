"""When the daily run of a day is due: before that Airflow makes no run of the day, also not in a backfill."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from telemetry.airflow_rest.schedule import due_at, last_due_day, past_span, refuse_early
from telemetry.contracts.loader import find_stream
from telemetry.contracts.stream_settings import StreamSchedules
from telemetry.errors import TelemetryError

DAY = date(2026, 11, 21)
STREAM = find_stream("telemetry")
AT_NOON = STREAM.model_copy(update={"schedules": StreamSchedules(daily="0 12 * * *")})


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_a_days_run_is_due_at_the_next_schedule_after_the_day() -> None:
    assert due_at(STREAM, DAY) == at("2026-11-22T00:30")


def test_a_stream_s_own_schedule_says_when_its_days_are_due() -> None:
    assert due_at(AT_NOON, DAY) == at("2026-11-22T12:00")
    assert last_due_day(AT_NOON, at("2026-11-22T11:59")) == date(2026, 11, 20)
    with pytest.raises(TelemetryError, match="due at 2026-11-22 12:00 UTC"):
        refuse_early(AT_NOON, DAY, at("2026-11-22T00:30"))
    assert past_span(AT_NOON, 1, at("2026-11-22T11:59")).end == at("2026-11-21T00:00")


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-11-22T00:00", date(2026, 11, 20)),
        ("2026-11-22T00:29:59", date(2026, 11, 20)),
        ("2026-11-22T00:30", DAY),
        ("2026-11-22T23:59", DAY),
    ],
)
def test_the_last_day_whose_run_is_due(now: str, last: date) -> None:
    assert last_due_day(STREAM, at(now)) == last


def test_a_day_whose_run_is_not_due_is_refused_with_the_time_when_it_is() -> None:
    with pytest.raises(TelemetryError, match=r"2026-11-21 .* due at 2026-11-22 00:30 UTC.*run STREAM --day 2026-11-21"):
        refuse_early(STREAM, DAY, at("2026-11-22T00:10"))
    refuse_early(STREAM, DAY, at("2026-11-22T00:30"))


@pytest.mark.parametrize("day", [DAY, date(2026, 11, 22), date.max])
def test_a_day_that_is_not_over_is_refused(day: date) -> None:
    with pytest.raises(TelemetryError, match=f"{day} is not over"):
        refuse_early(STREAM, day, at("2026-11-21T23:59"))


def test_past_days_can_be_backfilled() -> None:
    span = past_span(STREAM, 2, at("2026-11-22T00:29"))
    assert (span.start, span.end) == (at("2026-11-19T00:00"), at("2026-11-21T00:00"))
