"""The quality checks of closed days, on a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from closed_days import AFTER, DAY, Ground, checks_of, noon
from telemetry.contracts.stream_settings import StreamQuality
from telemetry.interval import Lane
from telemetry.warehouse.rollup import roll_up


def week(ground: Ground, days: int, a_day: int) -> None:
    """So many days of so many readings each before the day, rolled up."""
    past = [DAY - timedelta(days=before) for before in range(1, days + 1)]
    ground.readings(*((f"d{n}", noon(day), 1.0, 1, "x", True) for day in past for n in range(a_day)))
    with ground.connection, ground.connection.cursor() as cursor:
        for day in past:
            roll_up(cursor, ground.stream, day)


@pytest.mark.parametrize(("readings", "passed"), [(4, False), (5, True), (20, True), (21, False)])
def test_a_day_s_volume_is_held_against_the_week_before(ground: Ground, readings: int, passed: bool) -> None:
    week(ground, days=8, a_day=10)
    ground.readings(*((f"d{n}", noon(DAY), 1.0, 1, "x", True) for n in range(readings)))
    ground.close()
    assert checks_of(ground)["volume", ""] == (readings, 5.0, 20.0, passed)


def test_too_little_history_bounds_no_volume(ground: Ground) -> None:
    week(ground, days=2, a_day=10)
    ground.close()
    assert checks_of(ground)["volume", ""] == (0, None, None, True)


def test_null_rates_are_of_optional_fields(ground: Ground) -> None:
    ground.readings(*(("a", noon(DAY), None if n else 1.0, 1, None, True) for n in range(4)))
    ground.readings(("a", noon(AFTER), 1.0, None, "x", True))
    ground.close()
    found = {subject: seen for (name, subject), seen in checks_of(ground).items() if name == "null_rate"}
    assert found == {"level": (0.75, None, 0.5, False), "count": (0, None, 0.5, True), "note": (1, None, 0.5, False)}


def test_a_stream_s_own_bounds_hold_for_it_alone(ground: Ground) -> None:
    bounds = StreamQuality(
        null_rate_max=0.8, volume_ratio_high=5, silent_devices_max=2, quarantine_rate_max=0, out_of_range_rate_max=1
    )
    own = Ground(ground.connection, ground.emulator)
    own.stream = own.stream.model_copy(update={"quality": bounds})
    for one in (ground, own):
        week(one, days=7, a_day=3)
        one.readings(*(("d0", noon(DAY), 1.0 if n else None, 1, None, True) for n in range(8)))
        one.count("TopicMatch", 9, noon(DAY))
        one.load(Lane.lake, one.key(Lane.lake, noon(DAY)), {DAY: 9}, ["out_of_range"], loaded=8)
        one.close()
    default, loose = checks_of(ground), checks_of(own)
    rates = {("null_rate", "note"), ("quarantine_rate", "")}
    others = {("volume", ""), ("out_of_range_rate", ""), ("silent_devices", "")}
    assert {name for name, (*_, passed) in default.items() if not passed} == rates | others
    assert {name for name, (*_, passed) in loose.items() if not passed} == rates
    assert {name: high for name, (_, _, high, _) in loose.items()} == {
        ("volume", ""): 15.0, ("out_of_range_rate", ""): 1.0, ("quarantine_rate", ""): 0.0, ("silent_devices", ""): 2.0,
        **{("null_rate", name): 0.8 for name in ("level", "count", "note")},
        **{("surplus_rate", lane): 0.01 for lane in ("lake", "queue")},
    }  # fmt: skip


def test_reject_rates_are_of_the_rows_that_arrived_on_the_day(ground: Ground) -> None:
    rejects = ["out_of_range", "not_json", "not_json"]
    ground.load(Lane.lake, ground.key(Lane.lake, noon(DAY)), {DAY: 50}, rejects, loaded=47)
    ground.load(Lane.queue, ground.key(Lane.queue, noon(DAY)), {DAY: 50}, [], loaded=50)
    ground.load(Lane.lake, ground.key(Lane.lake, noon(AFTER)), {AFTER: 1}, ["out_of_range"])
    ground.close()
    checks = checks_of(ground)
    assert checks["out_of_range_rate", ""] == (0.01, None, 0.01, True)
    assert checks["quarantine_rate", ""] == (0.03, None, 0.05, True)
    ground.load(Lane.queue, ground.key(Lane.queue, noon(DAY)), {DAY: 1}, ["out_of_range"])
    ground.close()
    assert checks_of(ground)["out_of_range_rate", ""] == (2 / 101, None, 0.01, False)


def test_devices_that_fell_silent_are_counted_and_named(ground: Ground) -> None:
    week(ground, days=2, a_day=3)
    ground.readings(("d1", noon(DAY), 1.0, 1, "x", True), ("new", noon(DAY), 1.0, 1, "x", True))
    closed = ground.close()
    assert checks_of(ground)["silent_devices", ""] == (2, None, 0, False)
    assert closed.silent == ["d0", "d2"]


def test_a_day_closed_again_is_checked_again(ground: Ground) -> None:
    ground.close()
    fewer = {name: one for name, one in ground.stream.fields.items() if name != "note"}
    ground.stream = ground.stream.model_copy(update={"fields": fewer})
    ground.close()
    assert ("null_rate", "note") not in checks_of(ground)
    assert ("null_rate", "level") in checks_of(ground)
