"""The ledger: every load on the record, under a name that follows from what it loads."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from etl import HOUR_START, at_once, rows
from telemetry.errors import TelemetryError
from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.layout import raw_prefix
from telemetry.lake.raw_object import RawObject
from telemetry.local.services.postgres import Login
from telemetry.warehouse.connection import Connection, transaction
from telemetry.warehouse.ledger import (
    Load,
    close_load,
    counts,
    ensure_load,
    find_load,
    list_loads,
    open_load,
)
from telemetry.warehouse.load_objects import (
    ObjectCounts,
    claim_object,
    count_object,
    loaded_keys,
    objects_not_loaded,
)

INTERVAL = Interval.hour(HOUR_START)


def opened(connection: Connection, run_id: str = "run-1", attempt: int = 0, interval: Interval = INTERVAL) -> Load:
    return open_load(
        connection,
        stream="door",
        kind="hourly",
        interval=interval,
        dag_id="door_hourly",
        run_id=run_id,
        attempt=attempt,
    )


def by_hand(connection: Connection, name: str) -> Load:
    arn = f"arn:aws:states:eu-west-1:000000000000:execution:telemetry_etl:{name}"
    return ensure_load(
        connection, stream="door", kind="hourly", interval=INTERVAL, execution_name=name, execution_arn=arn
    )


def key_of(name: str) -> str:
    return raw_prefix("door", HOUR_START) + name


def add_object(connection: Connection, load: Load, name: str, *numbers: int, lane: Lane = Lane.lake) -> None:
    """An object of that load: messages, redelivered, loaded, duplicate, quarantined."""
    messages, redelivered, loaded, duplicate, quarantined = numbers
    raw_object = RawObject("raw", key_of(name), etag="", bytes=10, lane=lane)
    with transaction(connection) as cursor:
        assert claim_object(cursor, load.load_id, "door", raw_object)
        counts = ObjectCounts(
            days={HOUR_START.date(): messages},
            redelivered=redelivered,
            loaded=loaded,
            duplicate=duplicate,
            quarantined=quarantined,
            first_error="line 3: wrong" if quarantined else None,
        )
        count_object(cursor, raw_object, counts)


def test_an_execution_is_named_after_stream_kind_interval_and_generation(warehouse: Connection) -> None:
    load = opened(warehouse)
    assert re.fullmatch(r"door-hourly-20260301T1200-g0-[0-9a-f]{6}", load.execution_name)
    assert (load.status, load.generation, load.interval_start, load.ended_at) == ("running", 0, HOUR_START, None)


def test_an_attempt_that_is_retried_gets_its_load_again(warehouse: Connection) -> None:
    load = opened(warehouse)
    assert opened(warehouse) == load
    failed = close_load(warehouse, load.load_id, error="boom")
    assert opened(warehouse) == failed


def test_a_run_joins_the_load_of_its_interval_that_is_running(warehouse: Connection) -> None:
    assert opened(warehouse, "run-2") == opened(warehouse, "run-1")


def test_a_requested_reprocess_is_a_new_generation(warehouse: Connection) -> None:
    first = opened(warehouse)
    close_load(warehouse, first.load_id)
    second = opened(warehouse, attempt=1)
    assert second.execution_name.startswith("door-hourly-20260301T1200-g1-")
    close_load(warehouse, second.load_id)
    assert opened(warehouse, "run-2").generation == 2


def test_intervals_that_only_begin_together_have_different_names(warehouse: Connection) -> None:
    longer = Interval(INTERVAL.start, INTERVAL.end + HOUR)
    names = {opened(warehouse, interval=interval).execution_name for interval in (INTERVAL, longer)}
    assert len(names) == 2


def test_runs_that_open_at_once_get_one_load(warehouse: Connection, database: Login) -> None:
    names = []

    def run(number: int) -> None:
        connection = database.connect()
        names.append(opened(connection, f"run-{number}").execution_name)
        connection.close()

    assert at_once(6, run) == []
    assert len(names) == 6
    assert len(set(names)) == 1


def test_a_ledger_that_was_created_anew_reuses_no_name(warehouse: Connection) -> None:
    """Step Functions would attach the load to the execution of the ledger before, and load nothing."""
    first = opened(warehouse).execution_name
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("TRUNCATE loads RESTART IDENTITY CASCADE")
    again = opened(warehouse)
    assert again.generation == 0
    assert again.execution_name != first


def test_an_execution_started_by_hand_gets_a_load_of_its_own(warehouse: Connection) -> None:
    load = opened(warehouse)
    manual = by_hand(warehouse, "by-hand")
    assert (manual.execution_name, manual.generation, manual.dag_id) == ("by-hand", 1, None)
    assert by_hand(warehouse, "by-hand") == manual
    started = by_hand(warehouse, load.execution_name)
    assert started.load_id == load.load_id
    assert str(started.execution_arn).endswith(load.execution_name)


def test_a_load_is_closed_with_what_its_objects_count(warehouse: Connection) -> None:
    load = opened(warehouse)
    add_object(warehouse, load, "a", 10, 2, 7, 4, 1)
    add_object(warehouse, load, "b", 1, 0, 1, 0, 0)
    closed = close_load(warehouse, load.load_id)
    found = {name: asdict(closed)[name] for name in ("status", "objects", "bytes", "rows_read", "loaded")}
    assert found == {"status": "succeeded", "objects": 2, "bytes": 20, "rows_read": 13, "loaded": 8}
    assert (closed.duplicate, closed.quarantined, closed.first_error, closed.error) == (4, 1, "line 3: wrong", None)
    assert closed.ended_at is not None
    again = close_load(warehouse, load.load_id)
    assert {**asdict(again), "ended_at": closed.ended_at} == asdict(closed)


def test_a_load_without_objects_is_empty_and_may_have_a_reason(warehouse: Connection) -> None:
    load = opened(warehouse)
    assert close_load(warehouse, load.load_id).status == "empty"
    quiet = close_load(warehouse, load.load_id, status="empty", error="No object arrived.")
    assert (quiet.status, quiet.error) == ("empty", "No object arrived.")


def test_a_failed_load_counts_what_was_committed_and_can_succeed_later(warehouse: Connection) -> None:
    load = opened(warehouse)
    add_object(warehouse, load, "a", 5, 0, 5, 0, 0)
    failed = close_load(warehouse, load.load_id, error="x" * 10_000)
    assert (failed.status, failed.loaded, len(failed.error or "")) == ("failed", 5, 4000)
    assert close_load(warehouse, load.load_id).status == "succeeded"


def test_an_object_that_comes_after_its_load_was_closed_is_in_its_sums(warehouse: Connection) -> None:
    load = opened(warehouse)
    close_load(warehouse, load.load_id, error="gave up")
    add_object(warehouse, load, "late", 5, 0, 5, 0, 0)
    late = find_load(warehouse, load.load_id)
    assert (late.status, late.objects, late.loaded) == ("failed", 1, 5)


def test_what_was_received_on_two_days_is_counted_by_day(warehouse: Connection) -> None:
    add_object(warehouse, opened(warehouse), "a", 5, 0, 5, 0, 0)
    query = "SELECT stream, lane, day, messages FROM load_object_days"
    assert rows(warehouse, query) == [("door", "lake", HOUR_START.date(), 5)]


def test_an_unknown_load_is_a_clear_error(warehouse: Connection) -> None:
    for look in (find_load, close_load):
        with pytest.raises(TelemetryError, match="no load 77"):
            look(warehouse, 77)


def test_loads_are_listed_newest_first_and_filtered(warehouse: Connection) -> None:
    earlier = opened(warehouse, interval=Interval.hour(HOUR_START - timedelta(days=1)))
    close_load(warehouse, earlier.load_id)
    later = opened(warehouse)
    assert [load.load_id for load in list_loads(warehouse)] == [later.load_id, earlier.load_id]
    assert [load.load_id for load in list_loads(warehouse, limit=1)] == [later.load_id]
    for given, expected in (
        ({"stream": "gate"}, []),
        ({"stream": "door", "status": "empty"}, [earlier.load_id]),
        ({"start": HOUR_START}, [later.load_id]),
        ({"end": HOUR_START}, [earlier.load_id]),
    ):
        assert [load.load_id for load in list_loads(warehouse, **given)] == expected
    assert list_loads(warehouse, kind="queue") == []


def test_counts_are_by_stream_lane_and_partition(warehouse: Connection) -> None:
    load = opened(warehouse)
    add_object(warehouse, load, "a", 10, 0, 7, 4, 1)
    add_object(warehouse, load, "b", 1, 0, 1, 0, 0)
    add_object(warehouse, load, "c", 3, 2, 0, 3, 0, lane=Lane.queue)
    assert [tuple(row) for row in counts(warehouse)] == [
        ("door", "lake", HOUR_START, 2, 11, 0, 13, 8, 4, 1, 0),
        ("door", "queue", HOUR_START, 1, 3, 2, 3, 0, 3, 0, 0),
    ]
    assert counts(warehouse, stream="gate") == []
    assert counts(warehouse, start=HOUR_START + HOUR) == []
    assert len(counts(warehouse, end=HOUR_START + HOUR)) == 2


def test_loaded_keys_are_found_for_any_number_of_keys(warehouse: Connection) -> None:
    load = opened(warehouse)
    names = ("k-0", "k-1500", "k-2999")
    for name in names:
        add_object(warehouse, load, name, 1, 0, 1, 0, 0)
    keys = (key_of(f"k-{number}") for number in range(3000))
    assert loaded_keys(warehouse, "raw", keys) == set(map(key_of, names))
    assert loaded_keys(warehouse, "other", [key_of("k-0")]) == set()


def test_unloaded_objects_are_found_in_order(warehouse: Connection) -> None:
    add_object(warehouse, opened(warehouse), "b", 1, 0, 1, 0, 0)
    places = [("raw", "c"), ("raw", "b"), ("other", "b"), ("raw", "a")]
    objects = [RawObject(bucket, key_of(name), etag="", bytes=10, lane=Lane.lake) for bucket, name in places]
    assert objects_not_loaded(warehouse, objects) == [objects[0], *objects[2:]]


@pytest.mark.parametrize("table", ["load_objects", "loads"])
@pytest.mark.parametrize("column", ["rows_read", "loaded", "duplicate", "quarantined"])
def test_the_database_refuses_counts_that_do_not_add_up(warehouse: Connection, table: str, column: str) -> None:
    add_object(warehouse, opened(warehouse), "a", 4, 0, 2, 1, 1)
    with pytest.raises(psycopg2.errors.CheckViolation), transaction(warehouse) as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {column} + 1")


def test_the_database_refuses_an_object_twice(warehouse: Connection) -> None:
    load = opened(warehouse)
    add_object(warehouse, load, "a", 1, 0, 1, 0, 0)
    with pytest.raises(AssertionError):
        add_object(warehouse, load, "a", 1, 0, 1, 0, 0)
    with pytest.raises(psycopg2.errors.UniqueViolation), transaction(warehouse) as cursor:
        cursor.execute("INSERT INTO load_objects SELECT * FROM load_objects")


def test_times_are_in_utc(warehouse: Connection) -> None:
    assert opened(warehouse).started_at.astimezone(UTC) <= datetime.now(UTC)
    assert rows(warehouse, "SELECT count(*) FROM loads") == [(1,)]
