"""The rollup of closed days, on a real PostgreSQL."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from closed_days import AFTER, BEFORE, DAY, Ground, contract, noon, rollup_of
from etl import rows
from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.migrate import migrate
from telemetry.warehouse.rollup import roll_up

SHARED = settings(max_examples=30)


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 1e308, -1e308, 5e-324, 0.1])
moments = st.timedeltas(timedelta(days=-1), timedelta(days=2) - timedelta(microseconds=1)).map(
    lambda offset: Interval.day(DAY).start + offset
)
pump_readings = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ü"]), moments, st.none() | numbers,
        st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.just("x"), st.booleans(),
    )
)  # fmt: skip


def spread(values: Iterable[Any]) -> tuple[Any, Any, Any, int]:
    present = [value for value in values if value is not None]
    if not present:
        return None, None, None, 0
    mean = math.fsum(value / len(present) for value in present)
    tolerance = max(map(abs, present)) * 1e-12
    return min(present), max(present), pytest.approx(mean, rel=1e-9, abs=max(tolerance, 1e-249)), len(present)


def expected_rollup(readings: Iterable[tuple[Any, ...]], days: set[date]) -> list[tuple[Any, ...]]:
    groups: dict[tuple[str, date], list[tuple[Any, ...]]] = defaultdict(list)
    for one in readings:
        if one[1].date() in days:
            groups[one[0], one[1].date()].append(one)
    return [
        (
            *key, len(group), min(one[1] for one in group), max(one[1] for one in group),
            *spread(one[2] for one in group), *spread(one[3] for one in group),
        )
        for key, group in sorted(groups.items())
    ]  # fmt: skip


@SHARED
@given(first=pump_readings, second=pump_readings)
@example(first=[("a", moment, 1.0, 1, None, True) for moment in (noon(DAY), Interval.day(AFTER).start)], second=[])
@example(first=[("a", noon(DAY), 1.7e308, 1, None, True)] * 3, second=[("a", noon(DAY), 5e-324, 2**63 - 1, "x", True)])
def test_the_rollup_is_what_plain_python_computes_also_when_the_readings_changed(
    ground: Ground, first: list[tuple[Any, ...]], second: list[tuple[Any, ...]]
) -> None:
    for readings in (first, second, second):
        ground.forget_readings()
        ground.readings(*readings)
        with ground.connection, ground.connection.cursor() as cursor:
            for day in (BEFORE, DAY):
                roll_up(cursor, ground.stream, day)
        assert rollup_of(ground) == expected_rollup(readings, {BEFORE, DAY})


def test_closing_rolls_up_the_days_before_that_late_readings_touch_and_no_more(ground: Ground) -> None:
    days = [DAY - timedelta(days=before) for before in range(4)]
    ground.readings(*(("a", noon(day), 1.0, 1, None, True) for day in days))
    ground.close()
    assert [row[1] for row in rollup_of(ground)] == [BEFORE, DAY]


def test_readings_that_retention_dropped_keep_their_rollup(ground: Ground) -> None:
    ground.readings(("a", noon(BEFORE), 1.0, 1, None, True), ("a", noon(DAY), 2.0, 2, None, True))
    ground.close()
    kept = rollup_of(ground)
    ground.forget_readings()
    with ground.connection, ground.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO dropped_rows VALUES (%s, 'readings', %s, 1)", (ground.stream.stream, Interval.day(DAY).start)
        )
    ground.close()
    assert rollup_of(ground) == kept[:1]


def rollup_columns(connection: Connection) -> dict[str, tuple[str, str]]:
    query = """SELECT column_name, data_type, is_nullable FROM information_schema.columns
        WHERE table_name = 'door_rollup' ORDER BY ordinal_position"""
    return {name: (type_, nullable) for name, type_, nullable in rows(connection, query)}


def test_the_rollup_table_follows_the_contract(empty_database: Connection) -> None:
    door = contract("door", order="double", note="string")
    assert "table door_rollup" in migrate(empty_database, {"door": door})
    more = contract("door", order="double", note="string", order_min="integer")
    done = migrate(empty_database, {"door": more})
    added = [f"column door_rollup.order_min_{what}" for what in ("min", "max", "mean", "count")]
    assert done == ["column door_readings.order_min", *added]
    assert migrate(empty_database, {"door": more}) == []
    double, bigint = "double precision", "bigint"
    assert rollup_columns(empty_database) == {
        "device_id": ("text", "NO"),
        "day": ("date", "NO"),
        "readings": (bigint, "NO"),
        "first_event_time": ("timestamp with time zone", "NO"),
        "last_event_time": ("timestamp with time zone", "NO"),
        **{f"order_{what}": (double, "YES") for what in ("min", "max", "mean")},
        "order_count": (bigint, "YES"),
        **{f"order_min_{what}": (bigint, "YES") for what in ("min", "max")},
        "order_min_mean": (double, "YES"),
        "order_min_count": (bigint, "YES"),
    }


def test_a_rollup_column_that_should_change_its_type_is_refused(empty_database: Connection) -> None:
    migrate(empty_database, {"door": contract("door", level="double", note="string")})
    with empty_database, empty_database.cursor() as cursor:
        cursor.execute("ALTER TABLE door_rollup ALTER COLUMN level_min TYPE bigint")
    with pytest.raises(
        TelemetryError, match="level_min is double precision in the contract, but bigint in the table door_rollup"
    ):
        migrate(empty_database, {"door": contract("door", level="double", note="string")})
