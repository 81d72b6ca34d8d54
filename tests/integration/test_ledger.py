"""The ledger: every load on the record, under a name that follows from what it loads."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from etl import HOUR_START, at_once, rows
from telemetry.errors import TelemetryError
from telemetry.lake.partitions import HOUR, Interval
from telemetry.local.postgres import Login
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import (
    Load,
    close_load,
    counts,
    ensure_load,
    find_load,
    list_loads,
    loaded_keys,
    open_load,
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


def add_object(connection: Connection, load: Load, key: str, *numbers: int, lane: str = "lake") -> None:
    """An object of that load: messages, redelivered, rows read, loaded, duplicate, quarantined."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO load_objects (bucket, key, stream, lane, partition_start, load_id, etag, bytes,
                messages, redelivered, rows_read, loaded, duplicate, quarantined)
            VALUES ('raw', %s, 'door', %s, %s, %s, '', 10, %s, %s, %s, %s, %s, %s)""",
            (key, lane, HOUR_START, load.load_id, *numbers),
        )


def test_an_execution_is_named_after_stream_kind_interval_and_generation(warehouse: Connection) -> None:
    load = opened(warehouse)
    assert load.execution_name == "door-hourly-20260301T1200-g0"
    assert (load.status, load.generation, load.interval_start, load.ended_at) == ("running", 0, HOUR_START, None)


def test_an_attempt_that_is_retried_gets_its_load_again(warehouse: Connection) -> None:
    load = opened(warehouse)
    assert opened(warehouse) == load
    failed = close_load(warehouse, load.load_id, error="boom")
    assert opened(warehouse) == failed


def test_a_run_joins_the_load_of_its_interval_that_is_running(warehouse: Connection) -> None:
    assert opened(warehouse, "run-2") == opened(warehouse, "run-1")


def test_a_wanted_reprocess_is_a_new_generation(warehouse: Connection) -> None:
    first = opened(warehouse)
    close_load(warehouse, first.load_id)
    second = opened(warehouse, attempt=1)
    assert second.execution_name == "door-hourly-20260301T1200-g1"
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
    assert names == ["door-hourly-20260301T1200-g0"] * 6


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
    add_object(warehouse, load, "a", 10, 2, 12, 7, 4, 1)
    add_object(warehouse, load, "b", 1, 0, 1, 1, 0, 0)
    closed = close_load(warehouse, load.load_id)
    found = {name: asdict(closed)[name] for name in ("status", "objects", "bytes", "rows_read", "loaded")}
    assert found == {"status": "succeeded", "objects": 2, "bytes": 20, "rows_read": 13, "loaded": 8}
    assert (closed.duplicate, closed.quarantined, closed.error) == (4, 1, None)
    assert closed.ended_at is not None
    again = close_load(warehouse, load.load_id)
    assert {**asdict(again), "ended_at": closed.ended_at} == asdict(closed)


def test_a_load_without_objects_is_empty_and_may_say_why(warehouse: Connection) -> None:
    load = opened(warehouse)
    assert close_load(warehouse, load.load_id).status == "empty"
    quiet = close_load(warehouse, load.load_id, status="empty", error="No object arrived.")
    assert (quiet.status, quiet.error) == ("empty", "No object arrived.")


def test_a_failed_load_counts_what_was_committed_and_can_succeed_later(warehouse: Connection) -> None:
    load = opened(warehouse)
    add_object(warehouse, load, "a", 5, 0, 5, 5, 0, 0)
    failed = close_load(warehouse, load.load_id, error="x" * 10_000)
    assert (failed.status, failed.loaded, len(failed.error or "")) == ("failed", 5, 4000)
    assert close_load(warehouse, load.load_id).status == "succeeded"


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
    add_object(warehouse, load, "a", 10, 0, 12, 7, 4, 1)
    add_object(warehouse, load, "b", 1, 0, 1, 1, 0, 0)
    add_object(warehouse, load, "c", 3, 2, 3, 0, 3, 0, lane="queue")
    assert [tuple(row) for row in counts(warehouse)] == [
        ("door", "lake", HOUR_START, 2, 11, 0, 13, 8, 4, 1),
        ("door", "queue", HOUR_START, 1, 3, 2, 3, 0, 3, 0),
    ]
    assert counts(warehouse, stream="gate") == []
    assert counts(warehouse, start=HOUR_START + HOUR) == []
    assert len(counts(warehouse, end=HOUR_START + HOUR)) == 2


def test_the_keys_that_are_loaded_are_found_however_many_are_asked_for(warehouse: Connection) -> None:
    load = opened(warehouse)
    for key in ("k-0", "k-1500", "k-2999"):
        add_object(warehouse, load, key, 1, 0, 1, 1, 0, 0)
    keys = (f"k-{number}" for number in range(3000))
    assert loaded_keys(warehouse, "raw", keys) == {"k-0", "k-1500", "k-2999"}
    assert loaded_keys(warehouse, "other", ["k-0"]) == set()


@pytest.mark.parametrize("numbers", [(1, 0, 2, 1, 0, 0), (1, 0, 1, 1, 1, 0), (1, 0, 0, 0, 0, 1)])
def test_the_database_refuses_an_object_that_does_not_conserve_its_rows(
    warehouse: Connection, numbers: tuple[int, ...]
) -> None:
    load = opened(warehouse)
    with pytest.raises(psycopg2.errors.CheckViolation):
        add_object(warehouse, load, "a", *numbers)


def test_the_database_refuses_an_object_twice(warehouse: Connection) -> None:
    load = opened(warehouse)
    add_object(warehouse, load, "a", 1, 0, 1, 1, 0, 0)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        add_object(warehouse, load, "a", 1, 0, 1, 1, 0, 0)


def test_times_are_in_utc(warehouse: Connection) -> None:
    assert opened(warehouse).started_at.astimezone(UTC) <= datetime.now(UTC)
    assert rows(warehouse, "SELECT count(*) FROM loads") == [(1,)]
