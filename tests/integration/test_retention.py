"""Retention takes away what is old, counts what it takes, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl import at_once, rows
from telemetry.config.settings import Settings, load_settings
from telemetry.contracts.loader import StreamFiles, find_stream
from telemetry.contracts.model import Stream
from telemetry.contracts.stream_settings import StreamRetention
from telemetry.errors import TelemetryError
from telemetry.local.services.postgres import Login
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.retention import Removed, apply_retention, drop_quarantine, drop_readings, dropped_rows
from telemetry.warehouse.retention import forget_messages as forget
from telemetry.warehouse.table_partitions import Month, ensure_partitions

STREAM, TABLE = "telemetry", "telemetry_readings"
FILES = StreamFiles({STREAM: find_stream(STREAM)}, [])
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def keep(readings: int | None = None, quarantine: int | None = None) -> Settings:
    settings = load_settings()
    kept = settings.retention.model_copy(update={"readings_months": readings, "quarantine_days": quarantine})
    return settings.model_copy(update={"retention": kept})


def own(stream: str, **kept: int | None) -> Stream:
    """A stream of the project with a retention of its own."""
    return find_stream(stream).model_copy(update={"retention": StreamRetention.model_validate(kept)})


def put_readings(connection: Connection, *times: datetime, table: str = TABLE) -> None:
    with connection, connection.cursor() as cursor:
        cursor.executemany(
            f"""INSERT INTO {table} (device_id, event_time, reading_id, load_id)
            VALUES ('d', %s, gen_random_uuid(), 1)""",
            [(time,) for time in times],
        )


def put_message_ids(connection: Connection, *times: datetime) -> None:
    with connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO queue_messages VALUES (gen_random_uuid(), 'raw', 'k', %s)", [(time,) for time in times]
        )


def put_quarantined(connection: Connection, *times: datetime, stream: str = STREAM) -> None:
    """An object with a quarantined row of each of these times."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO loads (stream, kind, interval_start, interval_end, generation, execution_name)
            VALUES (%s, 'hourly', now(), now() + interval '1 hour', 0, gen_random_uuid()) RETURNING load_id""",
            (stream,),
        )
        key = f"key-{stream}"
        cursor.execute(
            "INSERT INTO load_objects VALUES ('raw', %s, %s, 'lake', now(), %s, '', 1, %s, 0, %s, 0, 0, %s)",
            (key, stream, next(iter(cursor))[0], *[len(times)] * 3),
        )
        cursor.executemany(
            """INSERT INTO quarantine (stream, bucket, key, line, reason, detail, raw, created_at)
            VALUES (%s, 'raw', %s, %s, 'not_json', '', '', %s)""",
            [(stream, key, line, time) for line, time in enumerate(times)],
        )


def left(connection: Connection, table: str) -> int:
    ((number,),) = rows(connection, f"SELECT count(*) FROM {table}")
    return int(number)


def test_message_ids_are_kept_while_messages_can_be_redelivered(warehouse: Connection) -> None:
    day = timedelta(days=1)
    put_message_ids(warehouse, *(NOW - 36 * day for _ in range(25)), NOW - 34 * day, NOW - 14 * day, NOW)
    assert apply_retention(warehouse, FILES, keep(), NOW) == Removed(25, 0, 0)
    assert left(warehouse, "queue_messages") == 3
    assert apply_retention(warehouse, FILES, keep(), NOW) == Removed(0, 0, 0)


@pytest.mark.parametrize("number", [0, 9, 10, 11, 25])
def test_retention_runs_until_all_batches_are_done(warehouse: Connection, number: int) -> None:
    put_message_ids(warehouse, *[NOW] * number)
    put_readings(warehouse, *[NOW - timedelta(days=400)] * number)
    put_quarantined(warehouse, *[NOW] * number)
    later = NOW + timedelta(days=1)
    assert forget(warehouse, later, at_once=10) == number
    assert drop_readings(warehouse, STREAM, TABLE, Month.of(NOW), at_once=10) == number
    assert drop_quarantine(warehouse, later, [STREAM], at_once=10) == number
    assert [left(warehouse, table) for table in ("queue_messages", TABLE, "quarantine")] == [0, 0, 0]
    assert dropped_rows(warehouse, STREAM, "readings") == dropped_rows(warehouse, STREAM, "quarantine") == number


def test_nothing_else_is_dropped_by_default(warehouse: Connection) -> None:
    put_readings(warehouse, datetime(1970, 1, 1, tzinfo=UTC), NOW)
    put_quarantined(warehouse, datetime(2020, 1, 1, tzinfo=UTC))
    assert apply_retention(warehouse, FILES, load_settings(), NOW) == Removed(0, 0, 0)
    assert (left(warehouse, TABLE), left(warehouse, "quarantine")) == (2, 1)


def test_whole_months_of_readings_are_dropped_and_counted(warehouse: Connection) -> None:
    kept = [NOW, datetime(2026, 9, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
    in_a_partition = [datetime(2026, 8, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)]
    in_the_default = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 7, 31, tzinfo=UTC)]
    put_readings(warehouse, *kept, *in_a_partition, *in_the_default)
    ensure_partitions(warehouse, TABLE, months_ahead=0, own_rows=2, now=NOW)
    august = "SELECT to_regclass('telemetry_readings_y2026m08') IS NOT NULL"
    assert rows(warehouse, august) == [(True,)]
    assert apply_retention(warehouse, FILES, keep(readings=2), NOW).readings == 4
    assert rows(warehouse, august) == [(False,)]
    assert {time for (time,) in rows(warehouse, f"SELECT event_time FROM {TABLE}")} == set(kept)
    assert dropped_rows(warehouse, STREAM, "readings") == 4
    assert apply_retention(warehouse, FILES, keep(readings=2), NOW).readings == 0
    assert dropped_rows(warehouse, STREAM, "readings") == 4


def test_old_quarantined_rows_are_deleted_and_counted_by_stream(warehouse: Connection) -> None:
    old, young = NOW - timedelta(days=31), NOW - timedelta(days=29)
    put_quarantined(warehouse, old, old, young)
    put_quarantined(warehouse, old, young, stream="environment")
    assert apply_retention(warehouse, FILES, keep(quarantine=30), NOW).quarantined == 3
    assert [dropped_rows(warehouse, stream, "quarantine") for stream in (STREAM, "environment")] == [2, 1]
    assert rows(warehouse, "SELECT sum(quarantined) FROM load_objects") == [(left(warehouse, "quarantine") + 3,)]


def test_a_stream_s_own_retention_holds_for_its_rows_alone(warehouse: Connection) -> None:
    old, young = datetime(2026, 7, 15, tzinfo=UTC), datetime(2026, 10, 15, tzinfo=UTC)
    for stream in (STREAM, "environment"):
        put_readings(warehouse, old, young, table=f"{stream}_readings")
        put_quarantined(warehouse, old, young, stream=stream)
    streams = {
        STREAM: own(STREAM, readings_months=1, quarantine_days=40),
        "environment": own("environment", readings_months=None),
    }
    removed = apply_retention(warehouse, StreamFiles(streams, []), keep(readings=2, quarantine=60), NOW)
    assert removed == Removed(0, 1, 2)
    assert [dropped_rows(warehouse, stream, "readings") for stream in streams] == [1, 0]
    assert left(warehouse, "environment_readings") == 2, "its file says: forever"
    streams[STREAM] = own(STREAM, quarantine_days=30)
    assert apply_retention(warehouse, StreamFiles(streams, []), keep(), NOW).quarantined == 1
    assert rows(warehouse, "SELECT stream, count(*) FROM quarantine GROUP BY stream") == [("environment", 1)]


def test_quarantined_rows_of_other_streams_stay_while_a_file_is_faulty(warehouse: Connection) -> None:
    """The faulty file may be theirs, and may say that they are kept for longer."""
    put_quarantined(warehouse, datetime(2026, 7, 15, tzinfo=UTC), stream="environment")
    faulty = StreamFiles(FILES.streams, [TelemetryError("environment.yaml:1: not valid YAML")])
    assert apply_retention(warehouse, faulty, keep(quarantine=30), NOW).quarantined == 0
    assert apply_retention(warehouse, FILES, keep(quarantine=30), NOW).quarantined == 1


def test_concurrent_runs_drop_and_count_each_row_once(warehouse: Connection, database: Login) -> None:
    put_readings(warehouse, *[NOW - timedelta(days=400)] * 50, *[NOW - timedelta(days=800)] * 50)
    ensure_partitions(warehouse, TABLE, months_ahead=0, own_rows=50, now=NOW)
    put_readings(warehouse, *[NOW - timedelta(days=600)] * 100)
    put_message_ids(warehouse, *[NOW - timedelta(days=60)] * 100)
    put_quarantined(warehouse, *[NOW - timedelta(days=60)] * 100)
    removed: list[Removed] = []

    def run(_: int) -> None:
        connection = database.connect()
        removed.append(apply_retention(connection, FILES, keep(readings=6, quarantine=30), NOW))
        connection.close()

    assert at_once(3, run) == []
    assert sum(one.readings for one in removed) == dropped_rows(warehouse, STREAM, "readings") == 200
    assert sum(one.quarantined for one in removed) == dropped_rows(warehouse, STREAM, "quarantine") == 100
    assert sum(one.message_ids for one in removed) == 100


@pytest.mark.parametrize("days", [14, 28])
def test_message_ids_cannot_expire_before_their_messages(days: int) -> None:
    settings = load_settings().model_dump(by_alias=True)
    settings["retention"]["message_ids_days"] = days
    with pytest.raises(ValueError, match=f"message_ids_days: {days} is not more than twice"):
        Settings.model_validate(settings)
