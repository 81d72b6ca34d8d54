"""Readings lie in the partition of their month, and moving them there harms no loader."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from operator import lt

import pytest

from etl import at_once, rows, table_of
from telemetry.contracts.loader import find_stream
from telemetry.contracts.model import Stream
from telemetry.errors import TelemetryError
from telemetry.local.services.postgres import Login
from telemetry.waiting import wait_until
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.migrate import migrate
from telemetry.warehouse.table_partitions import Month, ensure_partitions, locked, partition_name, partitions_before

TABLE = "telemetry_readings"
NOW = datetime.now(UTC)
PAST = datetime(2020, 7, 13, 12, tzinfo=UTC)
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def put(connection: Connection, *times: datetime, device: str = "d") -> None:
    """A reading at each of these times, as a loader puts them."""
    with connection, connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO telemetry_readings (device_id, event_time, reading_id, load_id, temperature, humidity)
            VALUES (%s, %s, md5(%s)::uuid, 1, 20, 50) ON CONFLICT DO NOTHING""",
            [(device, time, f"{device}{time}") for time in times],
        )


def partition_of(connection: Connection, time: datetime) -> str:
    query = "SELECT tableoid::regclass::text FROM telemetry_readings WHERE event_time = %s"
    ((name,),) = rows(connection, query, time)
    return str(name)


def partitions(connection: Connection, table: str = TABLE) -> set[str]:
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(%s)"
    return {name for (name,) in rows(connection, query, table)}


def ensure(connection: Connection, now: datetime = NOW, ahead: int = 3, own_rows: int = 5) -> list[tuple[str, int]]:
    made = ensure_partitions(connection, TABLE, months_ahead=ahead, own_rows=own_rows, now=now)
    return [(name, moved) for name, moved in made]


@contextmanager
def another(database: Login) -> Iterator[Connection]:
    connection = database.connect()
    try:
        yield connection
    finally:
        connection.close()


def waits_for_a_lock(connection: Connection) -> bool:
    return bool(rows(connection, "SELECT FROM pg_locks WHERE NOT granted"))


def test_a_new_table_has_this_month_and_three_more(warehouse: Connection) -> None:
    months = {partition_name(TABLE, Month.of(NOW).plus(months)) for months in range(4)}
    assert partitions(warehouse) == {"telemetry_readings_default", *months}
    assert ensure(warehouse) == []


def test_a_reading_lies_in_its_month_and_any_other_time_in_the_default(warehouse: Connection) -> None:
    month = Month.of(NOW)
    begin = datetime(month.year, month.month, 1, tzinfo=UTC)
    instant = timedelta(microseconds=1)
    put(warehouse, FIRST, LAST, PAST, begin, begin - instant)
    assert partition_of(warehouse, begin) == partition_name(TABLE, month)
    for time in (begin - instant, PAST):
        assert partition_of(warehouse, time) == "telemetry_readings_default"
    defaults = rows(warehouse, "SELECT count(*) FROM telemetry_readings_default")
    assert defaults == [(4,)]


def test_the_bounds_of_months_are_in_utc_whatever_the_session_says(warehouse: Connection) -> None:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("SET timezone = 'Pacific/Auckland'")
    put(warehouse, *[PAST + timedelta(seconds=n) for n in range(5)])
    assert ensure(warehouse) == [("telemetry_readings_y2020m07", 5)]
    edge = datetime(2020, 7, 31, 23, 59, 59, tzinfo=UTC)
    put(warehouse, edge)
    assert partition_of(warehouse, edge) == "telemetry_readings_y2020m07"


def test_months_ahead_are_made_as_time_goes_on(warehouse: Connection) -> None:
    later = Month.of(NOW).plus(2)
    made = ensure(warehouse, now=datetime(later.year, later.month, 28, tzinfo=UTC))
    assert made == [(partition_name(TABLE, later.plus(months)), 0) for months in (2, 3)]


def test_a_month_that_fills_the_default_is_moved_with_all_its_values(warehouse: Connection) -> None:
    put(warehouse, *[PAST + timedelta(hours=n) for n in range(5)], FIRST, PAST - timedelta(days=30))
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE telemetry_readings SET extra = %s WHERE event_time = %s", (json.dumps({"é": 1}), PAST))
    before = table_of(warehouse)
    assert ensure(warehouse) == [("telemetry_readings_y2020m07", 5)]
    assert table_of(warehouse) == before
    assert rows(warehouse, "SELECT count(*) FROM telemetry_readings_default") == [(2,)]
    assert ensure(warehouse) == []


def test_the_first_month_and_the_last_can_have_partitions(warehouse: Connection) -> None:
    put(warehouse, FIRST, LAST)
    made = ensure(warehouse, own_rows=1)
    assert made == [("telemetry_readings_y1970m01", 1), ("telemetry_readings_y9999m12", 1)]
    assert [time for _, time, *_ in table_of(warehouse)] == [FIRST, LAST]


def test_readings_are_unique_before_and_after_they_move(warehouse: Connection) -> None:
    times = [PAST + timedelta(hours=n) for n in range(6)]
    put(warehouse, *times[:5])
    put(warehouse, *times)
    assert len(table_of(warehouse)) == 6
    ensure(warehouse)
    put(warehouse, *times)
    assert len(table_of(warehouse)) == 6


def test_a_new_field_is_a_column_of_every_partition_also_of_later_ones(warehouse: Connection) -> None:
    contract = find_stream("telemetry").model_dump(mode="json")
    contract["fields"]["noise"] = {"type": "double", "path": "noise"}
    assert "column telemetry_readings.noise" in migrate(warehouse, {"telemetry": Stream.model_validate(contract)})
    put(warehouse, *[PAST + timedelta(hours=n) for n in range(5)])
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE telemetry_readings SET noise = 1.5")
    assert ensure(warehouse) == [("telemetry_readings_y2020m07", 5)]
    assert rows(warehouse, "SELECT DISTINCT noise FROM telemetry_readings_y2020m07") == [(1.5,)]
    assert migrate(warehouse, {"telemetry": Stream.model_validate(contract)}) == []


def test_concurrent_runs_create_each_partition_once(warehouse: Connection, database: Login) -> None:
    put(warehouse, *[PAST + timedelta(hours=n) for n in range(100)])
    made: list[tuple[str, int]] = []

    def run(_: int) -> None:
        with another(database) as connection:
            made.extend(ensure(connection))

    assert at_once(4, run) == []
    assert made == [("telemetry_readings_y2020m07", 100)]
    assert len(table_of(warehouse)) == 100


def test_a_loader_that_began_earlier_commits_first_and_loses_nothing(warehouse: Connection, database: Login) -> None:
    put(warehouse, *[PAST + timedelta(hours=n) for n in range(5)])
    with another(database) as loader, another(database) as keeper:
        insert = "INSERT INTO telemetry_readings (device_id, event_time, reading_id, load_id) VALUES (%s, %s, %s, 1)"
        identity = "00000000-0000-0000-0000-000000000001"
        with loader.cursor() as cursor:
            cursor.execute(insert, ("open", PAST, identity))
        done: list[object] = []
        thread = threading.Thread(target=lambda: done.append(ensure(keeper)))
        thread.start()
        wait_until(lambda: waits_for_a_lock(warehouse), what="the lock to be waited for", timeout=60)
        with loader.cursor() as cursor:
            cursor.execute(insert, ("late", PAST, identity))
        loader.commit()
        thread.join(30)
    assert done == [[("telemetry_readings_y2020m07", 7)]]
    assert len(table_of(warehouse)) == 7


def test_loaders_go_on_while_months_are_moved(warehouse: Connection, database: Login) -> None:
    """A loader's statement that began before a month was attached must wait, and not be refused by the default."""
    months, stop, rounds = 24, threading.Event(), [0, 0, 0]
    made: list[tuple[str, int]] = []

    def load(which: int) -> None:
        with another(database) as connection:
            while not stop.is_set():
                times = (PAST + timedelta(days=n * 31, seconds=rounds[which]) for n in range(months))
                put(connection, *times, device=f"d{which}")
                rounds[which] += 1

    def keep(_: int) -> None:
        try:
            wait_until(lambda: all(rounds), what="readings of all loaders", timeout=60)
            with another(database) as connection:
                made.extend(ensure(connection, own_rows=1))
            after = list(rounds)
            wait_until(lambda: all(map(lt, after, rounds)), what="more readings of all loaders", timeout=60)
        finally:
            stop.set()

    assert at_once(4, lambda which: keep(which) if which == 3 else load(which)) == []
    assert len(made) == months
    assert len(table_of(warehouse)) == months * sum(rounds)
    assert rows(warehouse, "SELECT count(*) FROM telemetry_readings_default") == [(0,)]


def test_a_table_that_stays_locked_is_an_error(warehouse: Connection, database: Login) -> None:
    with another(database) as loader:
        with loader.cursor() as cursor:
            cursor.execute("LOCK TABLE telemetry_readings IN ROW EXCLUSIVE MODE")
        with pytest.raises(TelemetryError, match="was in use and could not be locked within 0 s"):
            locked(warehouse, TABLE, "SHARE ROW EXCLUSIVE", lambda _: None, patience=0)


def test_without_a_table_it_says_what_to_do(empty_database: Connection) -> None:
    with pytest.raises(TelemetryError, match=r"no partitioned table telemetry_readings.*telemetry migrate"):
        ensure(empty_database)


def test_the_months_before_a_month_are_those_with_a_partition(warehouse: Connection) -> None:
    put(warehouse, FIRST, PAST)
    ensure(warehouse, own_rows=1)
    assert partitions_before(warehouse, TABLE, Month(2020, 8)) == [Month(1970, 1), Month(2020, 7)]
    assert partitions_before(warehouse, TABLE, Month(2020, 7)) == [Month(1970, 1)]


def test_the_longest_name_of_a_stream_leaves_room_for_its_partitions(empty_database: Connection) -> None:
    name = "s" * 40
    document = find_stream("telemetry").model_dump(mode="json") | {"stream": name, "topic": "long/+/s"}
    migrate(empty_database, {name: Stream.model_validate(document)})
    made = partitions(empty_database, f"{name}_readings")
    assert {f"{name}_readings_default", partition_name(f"{name}_readings", Month.of(NOW))} <= made
    assert max(map(len, made)) <= 63
