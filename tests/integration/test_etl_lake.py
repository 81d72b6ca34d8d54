"""The lake lane, from raw objects to the table: nothing lost, nothing twice, every value as it was sent."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import etl
from emulated import Emulator
from etl import HOUR_START, Execution, at_once, envelope, ledger_of, put_object, put_raw, reading, rows, table_of
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.errors import TelemetryError
from telemetry.etl.load import Loader
from telemetry.interval import HOUR, Interval
from telemetry.lake.envelopes import as_line
from telemetry.lake.raw_object import RawObject
from telemetry.local.services.postgres import Login
from telemetry.waiting import wait_until
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.quarantine import find_row, list_rows

pytestmark = pytest.mark.usefixtures("aws")

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "environment-messages.json"


def transformed(execution: Execution) -> Any:
    """The execution's objects, ready to be loaded."""
    return execution.transform(execution.extract())


def raw_objects(batch: dict[str, Any]) -> list[RawObject]:
    return [RawObject.from_document(item) for item in batch["objects"]]


def test_a_load_accounts_for_every_row(warehouse: Connection) -> None:
    put_raw([reading(0), reading(1), reading(1), b"nonsense", [reading(2), {}]])
    put_raw([reading(1), reading(3)], name="z.gz")
    summary = Execution("telemetry").run()
    assert summary == {
        "status": "succeeded",
        "objects": 2,
        "rows_read": 8,
        "loaded": 4,
        "duplicate": 2,
        "quarantined": 2,
    }
    assert ledger_of(warehouse) == [(5, 0, 6, 3, 1, 2), (2, 0, 2, 1, 1, 0)]
    ((error,),) = rows(warehouse, "SELECT first_error FROM load_objects WHERE quarantined > 0")
    assert error.startswith("line 4: not_json: ")
    assert len(table_of(warehouse)) == 4


def test_an_object_loaded_twice_changes_nothing(warehouse: Connection) -> None:
    put_raw([*map(reading, range(50)), b"nonsense"])
    execution = Execution("telemetry")
    batch = transformed(execution)
    execution.load(batch)
    before = table_of(warehouse), ledger_of(warehouse), len(list_rows(warehouse))
    execution.load(execution.transform(batch["objects"]))
    again = Execution("telemetry")
    again.extracted = execution.extracted
    again.load(batch)
    assert (table_of(warehouse), ledger_of(warehouse), len(list_rows(warehouse))) == before
    assert Execution("telemetry").run()["status"] == "empty"


def test_two_loaders_of_one_object_at_once_load_it_once(warehouse: Connection, database: Login) -> None:
    put_raw(map(reading, range(2000)))
    batch = transformed(Execution("telemetry"))

    def load(_: int) -> None:
        connection = database.connect()
        bucket = etl.processed_bucket()
        Loader(connection, etl.s3(), find_stream("telemetry"), bucket, batch["load_id"]).load(raw_objects(batch))
        connection.close()

    assert at_once(4, load) == []
    assert ledger_of(warehouse) == [(2000, 0, 2000, 2000, 0, 0)]
    assert len(table_of(warehouse)) == 2000


def test_loaders_of_the_same_readings_in_any_order_do_not_deadlock(warehouse: Connection, database: Login) -> None:
    """Different objects, the same keys: without one order of locks PostgreSQL would have to kill a loader."""
    for step in (1, 7, 11, 13):  # each a different order of the same numbers
        put_raw(reading(number * step % 3000) for number in range(3000))
    batch = transformed(Execution("telemetry"))

    def load(which: int) -> None:
        connection = database.connect()
        stream, bucket = find_stream("telemetry"), etl.processed_bucket()
        Loader(connection, etl.s3(), stream, bucket, batch["load_id"]).load([raw_objects(batch)[which]])
        connection.close()

    assert at_once(4, load) == []
    assert len(table_of(warehouse)) == 3000
    totals = [sum(column) for column in zip(*ledger_of(warehouse), strict=True)]
    assert totals == [12000, 0, 12000, 3000, 9000, 0]


def test_a_loader_that_dies_leaves_nothing_and_can_be_run_again(warehouse: Connection, database: Login) -> None:
    put_raw([*map(reading, range(100)), b"nonsense"])
    batch = transformed(Execution("telemetry"))
    blocker, loader = database.connect(), database.connect()
    with blocker.cursor() as cursor:  # holds a key that the loader wants, and does not commit
        cursor.execute(
            "INSERT INTO telemetry_readings (device_id, event_time, reading_id, load_id) VALUES (%s, %s, %s, 0)",
            ("device-0", HOUR_START, _id_of(reading(0))),
        )
    job = Loader(loader, etl.s3(), find_stream("telemetry"), etl.processed_bucket(), batch["load_id"])
    errors: list[Exception] = []
    thread = threading.Thread(target=lambda: errors.extend(at_once(1, lambda _: job.load(raw_objects(batch)))))
    thread.start()
    pid = loader.info.backend_pid
    waits = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    wait_until(lambda: rows(warehouse, waits, pid), what="the loader to wait", timeout=60, interval=0.02)
    assert rows(warehouse, "SELECT pg_terminate_backend(%s)", pid) == [(True,)]
    thread.join()
    blocker.close()
    assert isinstance(errors[0], psycopg2.OperationalError)
    assert (table_of(warehouse), ledger_of(warehouse), list_rows(warehouse)) == ([], [], [])
    Execution("telemetry").load(batch)
    assert ledger_of(warehouse) == [(101, 0, 101, 100, 0, 1)]


def _id_of(payload: dict[str, Any]) -> str:
    from telemetry.contracts.validate import Reading, compile_contract

    outcome = compile_contract(find_stream("telemetry"))(payload, HOUR_START + 2 * HOUR)
    assert isinstance(outcome, Reading)
    return outcome.reading_id


def test_a_load_that_failed_still_counts_what_it_committed(warehouse: Connection) -> None:
    put_raw(map(reading, range(10)), name="a.gz")
    put_raw(map(reading, range(10, 30)), name="b.gz")
    execution = Execution("telemetry")
    execution.load(execution.transform(execution.extract()[:1]))
    with pytest.raises(TelemetryError, match=r"1 objects of the load were not loaded; the first is .*/b\.gz"):
        execution.summarise()
    summary = execution.fail("States.Timeout", "The batch took too long")
    assert (summary["status"], summary["objects"], summary["loaded"]) == ("failed", 1, 10)
    assert Execution("telemetry").run()["loaded"] == 20


def test_a_missing_object_fails_the_load_but_not_its_neighbours(warehouse: Connection) -> None:
    gone = put_raw([reading(0)])
    changed = put_raw([reading(1)])
    put_raw([reading(2)])
    execution = Execution("telemetry")
    items = execution.extract()
    etl.s3().delete_object(Bucket=etl.raw_bucket(), Key=gone)
    put_raw([reading(5)], name=changed.rsplit("/", 1)[1])
    batch = execution.transform(items)
    with pytest.raises(TelemetryError, match="could not be read"):
        execution.load(batch)
    with pytest.raises(TelemetryError, match="2 objects of the load were not loaded"):
        execution.summarise()
    assert len(table_of(warehouse)) == 1


def test_a_late_object_is_taken_by_the_next_hour_that_looks_back(warehouse: Connection) -> None:
    look_back = load_settings().schedules.look_back_hours
    assert Execution("telemetry").run()["status"] == "empty"
    put_raw([reading(0)], hour=HOUR_START)
    put_raw([reading(1)], hour=HOUR_START - HOUR)
    assert Execution("telemetry", interval=Interval.hour(HOUR_START + look_back * HOUR)).run()["loaded"] == 1
    assert Execution("telemetry", kind="daily", interval=Interval.day(HOUR_START.date())).run()["loaded"] == 1
    assert rows(warehouse, "SELECT count(*) FROM loads WHERE status = 'empty'") == [(1,)]


def test_a_message_that_an_object_holds_twice_is_taken_once(warehouse: Connection) -> None:
    line = envelope(reading(1)).encode()
    put_raw([line, envelope(b"nonsense").encode(), line, reading(2)])
    Execution("telemetry").run()
    assert rows(warehouse, "SELECT messages, redelivered, rows_read FROM load_objects") == [(3, 1, 3)]


def test_an_object_that_reaches_over_midnight_is_counted_on_both_days(warehouse: Connection) -> None:
    days = [HOUR_START, HOUR_START + timedelta(days=1)]
    put_raw([*(envelope(reading(number), received_at=day).encode() for number, day in enumerate(days)), reading(2)])
    Execution("telemetry").run()
    counted = "SELECT day, messages FROM load_object_days ORDER BY day"
    assert rows(warehouse, counted) == [(days[0].date(), 2), (days[1].date(), 1)]


def test_a_day_takes_the_queue_objects_too_that_no_load_has_taken(warehouse: Connection) -> None:
    line = as_line(json.dumps(reading(0)), "m-1", 0)
    key = f"queue-data/telemetry/{HOUR_START:year=%Y/month=%m/day=%d/hour=%H}/left.jsonl.gz"
    etl.s3().put_object(Bucket=etl.raw_bucket(), Key=key, Body=gzip.compress(line))
    Execution("telemetry", kind="daily", interval=Interval.day(HOUR_START.date())).run()
    assert rows(warehouse, "SELECT lane, messages, loaded FROM load_objects") == [("queue", 1, 1)]


LINE = json.dumps(reading(1)).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "readings", "reasons"),
    [
        (b"", 0, []),
        (gzip.compress(b"", mtime=0), 0, []),
        (b"not gzip, nor JSON\n" + LINE, 1, ["not_json"]),
        (gzip.compress(LINE, mtime=0)[:-4], 1, ["truncated_object"]),
        (gzip.compress(LINE, mtime=0) + b"more", 1, ["corrupt_object"]),
        (gzip.compress(LINE, mtime=0)[:5], 0, ["truncated_object"]),
    ],
)
def test_an_object_of_any_kind_ends_in_the_ledger(
    warehouse: Connection, content: bytes, readings: int, reasons: list[str]
) -> None:
    put_object(content)
    put_raw([reading(2)])
    assert Execution("telemetry").run()["objects"] == 2
    assert [row.reason for row in list_rows(warehouse)] == reasons
    assert len(table_of(warehouse)) == readings + 1


def test_quarantine_keeps_the_bytes(warehouse: Connection) -> None:
    bad = [b"\xff\x00\xfe", b'{"a": "\\u0000"}', b"x" * 300_000, b'a "quoted", text\\.']
    key = put_raw(bad)
    Execution("telemetry").run()
    listed = list_rows(warehouse, stream="telemetry")[::-1]
    assert [(row.key, row.line, row.item) for row in listed] == [(key, line, 0) for line in range(1, 5)]
    assert [find_row(warehouse, row.quarantine_id)[1] for row in listed] == [
        *bad[:2],
        bad[2][: load_settings().transform.record_bytes_max],
        bad[3],
    ]
    assert [row.reason for row in list_rows(warehouse, reason="too_large")] == ["too_large"]
    with pytest.raises(TelemetryError, match="no quarantined row 0"):
        find_row(warehouse, 0)


def test_a_contract_ahead_of_the_table_is_a_clear_error(warehouse: Connection) -> None:
    put_raw([reading(0)])
    execution = Execution("telemetry")
    batch = transformed(execution)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_readings DROP COLUMN humidity")
    with pytest.raises(TelemetryError, match="telemetry migrate"):
        execution.load(batch)


# Values

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30) | st.sampled_from(
    ["", "\\.", "a\n\\.\nb", "\\N", '"', '""', "a,b", "a\r\nb", "\t", "'; DROP TABLE loads; --", "NULL", "\ufffe", "{}"]
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
messages = st.fixed_dictionaries(
    {
        "device_id": texts.filter(bool),
        "ts": st.floats(0, HOUR_START.timestamp()) | st.integers(0, int(HOUR_START.timestamp())),
        "data": st.fixed_dictionaries(
            {"temp": st.floats(-40, 85), "humidity": st.integers(0, 100) | st.floats(0, 100)},
            optional={"light": st.booleans() | st.none(), "co": st.floats(0, 1e6)},
        ),
    },
    optional={
        "device": texts,
        "note": st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
            max_leaves=6,
        ),
    },
)
lines = st.lists(
    messages
    | st.lists(messages, min_size=1, max_size=3)
    | st.sampled_from([b"nonsense", b"{}", b'{"device_id":"\xff"}', b'{"device_id":1}']),
    max_size=12,
)


@given(lines, st.booleans())
@settings(max_examples=40)
def test_every_value_arrives_as_it_was_sent(warehouse: Connection, sent: list[Any], twice: bool) -> None:
    put_raw([*sent, *sent] if twice else sent, stream="environment")
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("TRUNCATE environment_readings")
    summary = Execution("environment").run()
    assert summary["rows_read"] == summary["loaded"] + summary["duplicate"] + summary["quarantined"]
    payloads = [
        item for line in sent if not isinstance(line, bytes) for item in ([line] if type(line) is dict else line)
    ]
    assert summary["quarantined"] == (1 + twice) * sum(isinstance(line, bytes) for line in sent)
    stored = [_message(row) for row in table_of(warehouse, "environment")]
    assert len(stored) == summary["loaded"]
    assert _all(stored) == _all([_said(payload) for payload in payloads])


def _said(payload: dict[str, Any]) -> dict[str, Any]:
    """What a payload says, in one form: no nulls, the time in microseconds."""
    data = {name: value for name, value in payload["data"].items() if value is not None}
    time = 946_684_800_000_000 + round((payload["ts"] - 946_684_800) * 1e6)
    return {
        "device_id": payload["device_id"],
        "ts": time,
        **data,
        "name": payload.get("device"),
        "note": payload.get("note"),
    }


def _message(row: tuple[Any, ...]) -> dict[str, Any]:
    """The same of a row of the table."""
    device_id, event_time, _, name, temp, humidity, co, lpg, smoke, light, motion, extra = row
    assert (lpg, smoke, motion) == (None, None, None)
    data = {"temp": temp, "humidity": humidity, "co": co, "light": light}
    time = (event_time - datetime.fromtimestamp(0, event_time.tzinfo)) // timedelta(microseconds=1)
    data = {field: value for field, value in data.items() if value is not None}
    return {"device_id": device_id, "ts": time, **data, "name": name, "note": (extra or {}).get("note")}


def _all(said: list[dict[str, Any]]) -> set[str]:
    return {json.dumps(_as_floats(one), sort_keys=True) for one in said}


def _as_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_floats(inner) for inner in value]
    return float(value) if type(value) is int else value


@pytest.mark.skipif(not RECORDED.exists(), reason="put the recorded messages at ../shared/data beside the project")
def test_the_recorded_messages_are_equal_to_their_rows_by_sql(warehouse: Connection) -> None:
    recorded = json.loads(RECORDED.read_text())
    put_raw(recorded, stream="environment")
    assert Execution("environment").run()["loaded"] == len(recorded) == 9995
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE sent (message jsonb)")
        cursor.executemany("INSERT INTO sent VALUES (%s)", [(json.dumps(message),) for message in recorded])
        cursor.execute(
            """SELECT count(*) FROM sent JOIN environment_readings
            ON device_id = message->>'device_id' AND event_time = to_timestamp((message->>'ts')::float8)
            AND device_name = message->>'device' AND extra IS NULL
            AND temperature = (message#>>'{data,temp}')::float8 AND humidity = (message#>>'{data,humidity}')::float8
            AND co = (message#>>'{data,co}')::float8 AND lpg = (message#>>'{data,lpg}')::float8
            AND smoke = (message#>>'{data,smoke}')::float8
            AND light = (message#>>'{data,light}')::boolean AND motion = (message#>>'{data,motion}')::boolean"""
        )
        assert cursor.fetchall() == [(9995,)]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stream": "weather"}, "weather"),
        ({"kind": "weekly"}, "kind"),
        ({"start": "soon"}, "start"),
        ({"end": None}, "end"),
    ],
)
def test_an_invalid_request_is_a_clear_error(warehouse: Connection, change: dict[str, Any], named: str) -> None:
    request = {**Execution("telemetry").request, **change}
    with pytest.raises(TelemetryError, match=named):
        etl.call("data_extraction", request)
    assert rows(warehouse, "SELECT count(*) FROM loads") == [(0,)]


def test_an_execution_that_failed_before_it_began_is_recorded(warehouse: Connection, aws: Emulator) -> None:
    execution = Execution("telemetry")
    execution.fail("DatabaseUnreachableError", "The warehouse cannot be reached\0")
    ((name, status, error),) = rows(warehouse, "SELECT execution_name, status, error FROM loads")
    assert (name, status) == (execution.name, "failed")
    assert error == "DatabaseUnreachableError: The warehouse cannot be reached"
