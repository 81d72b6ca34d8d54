"""Quarantined rows move into the table when the contract has been mended, and everything adds up at every commit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command import run_command
from etl import (
    HOUR_START,
    Execution,
    at_once,
    new_queue,
    processed_bucket,
    put_raw,
    queue_execution,
    raw_bucket,
    reading,
    rows,
    s3,
    send,
    table_of,
)
from telemetry.config.settings import load_settings
from telemetry.contracts import loader as contracts
from telemetry.contracts.loader import find_stream, load_streams
from telemetry.contracts.model import Stream
from telemetry.errors import TelemetryError
from telemetry.etl.load import Loader
from telemetry.etl.transform import Transformer
from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.raw_object import RawObject
from telemetry.local.services.postgres import Login
from telemetry.warehouse import quarantine_replay as replay
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import ensure_load
from telemetry.warehouse.migrate import migrate
from telemetry.warehouse.quarantine_replay import Replay, Replayed

pytestmark = pytest.mark.usefixtures("aws")

LATER = Interval.hour(HOUR_START + HOUR)


def mended(**fields: dict[str, Any]) -> dict[str, Stream]:
    """The contracts after somebody has allowed the hottest days, or has added these fields."""
    document = find_stream("telemetry").model_dump(mode="json")
    document["fields"]["temperature"]["range"] = [-40, 200]
    document["fields"] |= fields
    return load_streams() | {"telemetry": Stream.model_validate(document)}


def hot(number: int, **changes: Any) -> dict[str, Any]:
    """A reading that only the mended contract takes."""
    return reading(number, temperature=150.5, **changes)


def run(connection: Connection, streams: dict[str, Stream] | None = None, **filters: Any) -> Replayed:
    return Replay(connection, streams or mended()).run(**filters)


def assert_all_adds_up(connection: Connection) -> None:
    """The equations of the ledger, the quarantine and the table."""
    objects = "SELECT sum(rows_read), sum(loaded), sum(duplicate), sum(quarantined) FROM load_objects"
    assert rows(connection, objects) == rows(connection, objects.replace("load_objects", "loads"))
    assert rows(connection, "SELECT FROM load_objects WHERE rows_read <> loaded + duplicate + quarantined") == []
    kept = """SELECT key FROM load_objects AS one WHERE quarantined <>
        (SELECT count(*) FROM quarantine AS row WHERE (row.bucket, row.key) = (one.bucket, one.key))"""
    assert rows(connection, kept) == []
    by_load = """SELECT load_id FROM loads WHERE (rows_read, loaded, duplicate, quarantined) <>
        (SELECT sum(rows_read), sum(loaded), sum(duplicate), sum(quarantined) FROM load_objects AS one
        WHERE one.load_id = loads.load_id)"""
    assert rows(connection, by_load) == []
    ((readings, loaded),) = rows(
        connection, "SELECT (SELECT count(*) FROM telemetry_readings), (SELECT sum(loaded) FROM load_objects)"
    )
    assert readings == (loaded or 0)


def numbers(connection: Connection) -> list[tuple[Any, ...]]:
    """rows_read, loaded, duplicate, quarantined of every object."""
    return rows(
        connection, "SELECT rows_read, loaded, duplicate, quarantined FROM load_objects ORDER BY partition_start"
    )


def test_replayed_rows_that_are_readings_move_with_their_values(warehouse: Connection) -> None:
    put_raw([reading(1), hot(2, note="é😀"), b"nonsense", reading(3)])
    Execution("telemetry").run()
    assert numbers(warehouse) == [(4, 2, 0, 2)]
    done = run(warehouse)
    assert (done.moved, done.loaded, done.duplicate, done.still) == (1, 1, 0, {"not_json": 1})
    assert numbers(warehouse) == [(4, 3, 0, 1)]
    assert_all_adds_up(warehouse)
    ((temperature, extra, load_id),) = rows(
        warehouse, "SELECT temperature, extra, load_id FROM telemetry_readings WHERE temperature > 100"
    )
    assert (temperature, extra) == (150.5, {"note": "é😀"})
    assert rows(warehouse, "SELECT load_id FROM loads") == [(load_id,)]


def test_run_again_it_moves_nothing_more(warehouse: Connection) -> None:
    put_raw([hot(1), b"nonsense"])
    Execution("telemetry").run()
    run(warehouse)
    before = numbers(warehouse), table_of(warehouse), rows(warehouse, "SELECT * FROM quarantine")
    done = run(warehouse)
    assert (done.moved, done.still) == (0, {"not_json": 1})
    assert (numbers(warehouse), table_of(warehouse), rows(warehouse, "SELECT * FROM quarantine")) == before


def test_with_the_same_contract_nothing_moves(warehouse: Connection) -> None:
    put_raw([hot(1), hot(2)])
    Execution("telemetry").run()
    done = run(warehouse, load_streams())
    assert (done.moved, done.still) == (0, {"out_of_range": 2})
    assert numbers(warehouse) == [(2, 0, 0, 2)]


def test_a_reading_that_is_stored_already_is_a_duplicate_whichever_lane_brought_it(warehouse: Connection) -> None:
    queue = new_queue()
    send(queue, [hot(1), hot(2)])
    queue_execution().run()
    put_raw([hot(1), hot(1), hot(3)])
    Execution("telemetry").run()
    done = run(warehouse)
    assert (done.moved, done.loaded, done.duplicate) == (5, 3, 2)
    assert_all_adds_up(warehouse)
    assert run(warehouse).rows == 0


def test_a_row_that_fails_in_another_way_now_says_so(warehouse: Connection) -> None:
    put_raw([hot(1, humidity="wet")])
    Execution("telemetry").run()
    ((created_at, raw),) = rows(warehouse, "SELECT created_at, raw FROM quarantine WHERE reason = 'out_of_range'")
    assert run(warehouse).still == {"wrong_type": 1}
    found = rows(warehouse, "SELECT reason, detail, created_at, raw FROM quarantine")
    assert [(*row[:3], bytes(row[3])) for row in found] == [
        ("wrong_type", "humidity is a string, not a number", created_at, bytes(raw))
    ]


def test_items_of_arrays_and_glued_records_move_one_by_one(warehouse: Connection) -> None:
    glued = f"{json.dumps(hot(4))}{json.dumps(reading(5))}{{broken".encode()
    put_raw([[reading(1), hot(2), {"device_id": 7}, hot(3)], glued])
    Execution("telemetry").run()
    assert numbers(warehouse) == [(7, 2, 0, 5)]
    assert run(warehouse).moved == 3
    assert numbers(warehouse) == [(7, 5, 0, 2)]
    assert_all_adds_up(warehouse)


def test_a_row_that_holds_several_readings_makes_several(warehouse: Connection) -> None:
    """As it would be read today: the row was quarantined as a whole by a version that knew no glued records."""
    put_raw([b"nonsense", b"more"])
    Execution("telemetry").run()
    several = "".join(json.dumps(reading(number)) for number in (1, 2, 1))
    mixed = json.dumps(reading(3)) + json.dumps({"device_id": "x"})
    with warehouse, warehouse.cursor() as cursor:
        for line, text in ((1, several), (2, mixed)):
            cursor.execute("UPDATE quarantine SET raw = %s WHERE line = %s", (text.encode(), line))
    done = run(warehouse)
    assert (done.moved, done.loaded, done.duplicate, done.still) == (1, 2, 1, {"missing_field": 1})
    assert numbers(warehouse) == [(4, 2, 1, 1)]
    assert_all_adds_up(warehouse)


def test_an_array_within_an_array_is_no_reading_in_a_replay_either(warehouse: Connection) -> None:
    put_raw([[[reading(1)], []]])
    Execution("telemetry").run()
    before = rows(warehouse, "SELECT * FROM quarantine ORDER BY 1")
    assert run(warehouse).still == {"not_object": 2}
    assert rows(warehouse, "SELECT * FROM quarantine ORDER BY 1") == before


def test_rows_of_which_a_part_is_missing_are_skipped(warehouse: Connection) -> None:
    put_raw([json.dumps(hot(1, note="x" * 300_000)).encode(), b"nonsense"])
    Execution("telemetry").run()
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE quarantine SET raw = %s WHERE reason = 'too_large'", (json.dumps(reading(1)).encode(),))
    done = run(warehouse)
    assert (done.moved, done.skipped, done.still) == (0, {"too_large": 1}, {"not_json": 1})


def test_rows_of_a_stream_without_a_contract_are_skipped(warehouse: Connection) -> None:
    put_raw([hot(1)])
    Execution("telemetry").run()
    streams = mended()
    del streams["telemetry"]
    assert run(warehouse, streams).skipped == {"no_contract": 1}


def test_the_future_is_where_it_was_when_the_message_arrived(warehouse: Connection) -> None:
    ahead = HOUR_START + HOUR + timedelta(seconds=find_stream("telemetry").event_time_ahead_seconds)
    put_raw([hot(1, timestamp=ahead.isoformat()), hot(2, timestamp=(ahead + timedelta(seconds=1)).isoformat())])
    Execution("telemetry").run()
    done = run(warehouse)
    assert (done.moved, done.still) == (1, {"future_timestamp": 1})


def test_only_the_rows_that_were_asked_for_are_read(warehouse: Connection) -> None:
    put_raw([hot(1), hot(2), reading(3, temperature="hot")])
    Execution("telemetry").run()
    (first, second, third) = [i for (i,) in rows(warehouse, "SELECT quarantine_id FROM quarantine ORDER BY 1")]
    assert run(warehouse, reason="wrong_type").rows == 1
    assert run(warehouse, stream="environment").rows == 0
    assert run(warehouse, ids=[first, third, 10**9]).moved == 1
    assert rows(warehouse, "SELECT quarantine_id FROM quarantine ORDER BY 1") == [(second,), (third,)]


def test_a_new_field_is_filled(warehouse: Connection) -> None:
    streams = mended(noise={"type": "double", "path": "noise"})
    put_raw([hot(1, noise=40)])
    Execution("telemetry").run()
    with pytest.raises(TelemetryError, match=r"behind stream telemetry's contract: .*noise.*Run `telemetry migrate`"):
        run(warehouse, streams)
    assert numbers(warehouse) == [(1, 0, 0, 1)]
    migrate(warehouse, streams)
    assert run(warehouse, streams).moved == 1
    assert rows(warehouse, "SELECT noise, extra FROM telemetry_readings") == [(40.0, None)]


def test_a_death_within_a_batch_leaves_the_batch_as_it_was(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw([*map(hot, range(7))])
    Execution("telemetry").run()
    monkeypatch.setattr(replay, "ROWS_AT_ONCE", 3)
    counted, calls = replay._count, iter(range(9))

    def count_once(*arguments: Any) -> None:
        if next(calls):
            raise KeyboardInterrupt
        counted(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(replay, "_count", count_once)
        with pytest.raises(KeyboardInterrupt):
            run(warehouse)
    assert numbers(warehouse) == [(7, 3, 0, 4)]
    assert_all_adds_up(warehouse)
    assert run(warehouse).moved == 4


def test_two_at_once_move_each_row_once_also_beside_a_load_of_the_same_readings(
    warehouse: Connection, database: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "ROWS_AT_ONCE", 20)
    for hour in range(3):
        put_raw([*map(hot, range(hour * 50, hour * 50 + 100))], hour=HOUR_START + hour * HOUR)
        Execution("telemetry", interval=Interval.hour(HOUR_START + hour * HOUR)).run()
    after = Execution("telemetry", interval=Interval.hour(HOUR_START + 9 * HOUR))
    put_raw([*map(hot, range(199, -1, -1))], hour=after.interval.start)
    with everywhere(mended()["telemetry"], monkeypatch):
        batch = after.transform(after.extract())
        moved = []

        def work(which: int) -> None:
            if which == 2:
                after.load(batch)
                return
            connection = database.connect()
            moved.append(run(connection).moved)
            connection.close()

        assert at_once(3, work) == []
    assert sum(moved) == 300
    assert len(table_of(warehouse)) == 200
    assert_all_adds_up(warehouse)


@contextmanager
def everywhere(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Functions find this contract."""
    with monkeypatch.context() as patched:
        patched.setattr(contracts, "find_stream", lambda name: stream)
        yield


PAYLOADS = st.one_of(
    st.integers(0, 5).map(reading),
    st.integers(0, 5).map(hot),
    st.integers(0, 5).map(lambda number: hot(number, humidity=None)),
    st.sampled_from([{}, {"device_id": "x"}, []]),
)
LINES = st.one_of(
    PAYLOADS,
    st.lists(PAYLOADS, max_size=4),
    st.lists(PAYLOADS.map(json.dumps), min_size=1, max_size=3).map(lambda texts: "".join(texts).encode()),
    st.sampled_from([b"", b"nonsense", b"\xff\xfe", b'{"a":', b"x" * 300_000]),
)


def load_all(connection: Connection, stream: Stream, objects: list[list[Any]]) -> None:
    """Load objects of these lines under that contract, each as one of a load."""
    load = ensure_load(
        connection,
        stream=stream.stream,
        kind="hourly",
        interval=LATER,
        execution_name="all",
        execution_arn="arn",
    )
    client = s3()
    transformer = Transformer(client, stream, processed_bucket(), load_settings().transform)
    loader = Loader(connection, client, stream, processed_bucket(), load.load_id)
    for number, lines in enumerate(objects):
        key = put_raw(lines, name=f"{number}.gz")
        etag = client.head_object(Bucket=raw_bucket(), Key=key)["ETag"].strip('"')
        item = RawObject(raw_bucket(), key, etag, bytes=1, lane=Lane.lake)
        loader.load([transformer.transform(item)])


def everything(connection: Connection) -> tuple[Any, ...]:
    """The table, the quarantine, and the counts of every object."""
    kept = rows(connection, "SELECT key, line, item, reason, detail, raw FROM quarantine ORDER BY key, line, item")
    counts = "SELECT key, rows_read, loaded + duplicate, quarantined FROM load_objects ORDER BY key"
    return table_of(connection), [(*row[:5], bytes(row[5])) for row in kept], rows(connection, counts)


@settings(max_examples=25)
@given(objects=st.lists(st.lists(LINES, max_size=6), min_size=1, max_size=3), at_a_time=st.integers(1, 7))
def test_any_mix_ends_as_if_the_contract_had_always_been_the_mended_one(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch, objects: list[list[Any]], at_a_time: int
) -> None:
    def empty() -> None:
        with warehouse, warehouse.cursor() as cursor:
            for table in ("quarantine", "load_object_days", "load_objects", "loads", "telemetry_readings"):
                cursor.execute(f"DELETE FROM {table}")  # much quicker than to truncate every partition

    monkeypatch.setattr(replay, "ROWS_AT_ONCE", at_a_time)
    empty()
    load_all(warehouse, mended()["telemetry"], objects)
    expected = everything(warehouse)
    empty()
    load_all(warehouse, find_stream("telemetry"), objects)
    done = Replay(warehouse, mended()).run(on_progress=lambda _: assert_all_adds_up(warehouse))
    assert everything(warehouse) == expected
    assert done.still.total() + done.skipped.total() == len(expected[1])
    assert run(warehouse).moved == 0
    assert everything(warehouse) == expected


def test_the_command_tells_what_moved_and_what_did_not(
    warehouse: Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw([hot(1), hot(2), b"nonsense", b"x" * 300_000])
    Execution("telemetry").run()
    streams = mended()
    monkeypatch.setattr(contracts, "read_streams", lambda *_: contracts.StreamFiles(streams, []))

    def said(*arguments: str) -> str:
        ended = run_command(capsys, "quarantine", "replay", *arguments)
        assert ended.code == 0, ended
        return ended.out

    ((first,), *_) = rows(warehouse, "SELECT quarantine_id FROM quarantine ORDER BY 1")
    assert json.loads(said(str(first), "--json")) == {
        "rows": 1, "moved": 1, "loaded": 1, "duplicate": 0, "still": {}, "skipped": {}
    }  # fmt: skip
    text = said("--stream", "telemetry")
    assert "1 of 3 rows replayed: 1 readings loaded, 0 duplicate." in text
    assert "not_json" in text
    assert "too_large" in text
    assert "0 of 0 rows replayed" in said("--reason", "bad_timestamp")
    assert json.loads(said("--json")) == {
        "rows": 2, "moved": 0, "loaded": 0, "duplicate": 0, "still": {"not_json": 1}, "skipped": {"too_large": 1}
    }  # fmt: skip
