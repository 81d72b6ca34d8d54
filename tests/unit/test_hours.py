"""Where a load looks for objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.etl.hours import hours_of
from telemetry.interval import HOUR, Interval

if TYPE_CHECKING:
    from telemetry.warehouse.ledger import LoadKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = Interval(NOON + timedelta(minutes=55), NOON + HOUR)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def hours(*offsets: int) -> list[datetime]:
    return [NOON + offset * HOUR for offset in offsets]


@pytest.mark.parametrize(
    ("kind", "interval", "now", "expected"),
    [
        ("hourly", Interval.hour(NOON), NOON + 5 * HOUR, hours(-2, -1, 0)),
        ("daily", Interval.day(NOON.date()), NOON + 90 * HOUR, hours(*range(-12, 12))),
        ("queue", TICK, NOON + timedelta(minutes=61), hours(-1, 0, 1, 2)),
        ("queue", TICK, NOON + 9 * HOUR, hours(0, 7, 8, 9)),  # backfilled: the tick's own hour, and those that are now
    ],
)
def test_the_hours_of_a_load(kind: LoadKind, interval: Interval, now: datetime, expected: list[datetime]) -> None:
    assert hours_of(kind, interval, look_back_hours=2, now=now) == expected


@given(start=MOMENTS, now=MOMENTS, look_back_hours=st.integers(0, 48))
def test_an_object_that_is_written_now_is_in_an_hour_of_the_queue_s_load(
    start: datetime, now: datetime, look_back_hours: int
) -> None:
    found = hours_of("queue", Interval(start, start + HOUR), look_back_hours=look_back_hours, now=now)
    assert {Interval.hour(start).start, Interval.hour(now).start} <= set(found)
    assert found == sorted(set(found))
