"""The queue lane: a message is deleted only after it is in an object, and counted once however often it comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import etl
from emulated import Emulator
from etl import (
    HOUR_START,
    Execution,
    KilledError,
    at_once,
    envelope,
    killed_at,
    ledger_of,
    new_queue,
    put_raw,
    queue_depth,
    queue_execution,
    reading,
    rows,
    send,
    table_of,
    visible_messages,
)
from telemetry.config.settings import Extract, load_settings
from telemetry.etl.drain import drain
from telemetry.waiting import wait_until
from telemetry.warehouse.connection import Connection

pytestmark = pytest.mark.usefixtures("aws")


def drained(queue: str, sqs: Any = None, name: str = "by-hand", **limits: int) -> int:
    """Drain the queue, within ``limits`` where they are not the settings'."""
    extract = load_settings().extract
    return drain(
        sqs or etl.sqs(),
        etl.s3(),
        queue_url=queue,
        bucket=etl.raw_bucket(),
        stream="telemetry",
        name=name,
        limits=Extract(**{**extract.model_dump(), **limits}),
        out_of_time=lambda: False,
    )


def objects() -> dict[str, bytes]:
    """The queue objects, by their keys."""
    s3, bucket = etl.s3(), etl.raw_bucket()
    found = s3.list_objects_v2(Bucket=bucket, Prefix="queue-data/").get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in found}


def test_a_drained_queue_is_empty_and_its_messages_are_in_the_table(warehouse: Connection) -> None:
    queue = new_queue()
    send(queue, [*map(reading, range(234)), "nonsense", [reading(500), reading(501)]])
    summary = queue_execution().run()
    assert (summary["status"], summary["rows_read"], summary["loaded"]) == ("succeeded", 237, 236)
    assert ledger_of(warehouse) == [(236, 0, 237, 236, 0, 1)]
    assert queue_depth(queue) == 0
    assert len(table_of(warehouse)) == 236


def test_an_empty_queue_is_an_empty_load(warehouse: Connection) -> None:
    new_queue()
    assert queue_execution().run()["status"] == "empty"
    assert rows(warehouse, "SELECT kind, status FROM loads") == [("queue", "empty")]


def test_a_message_keeps_its_boundaries_and_its_bytes(warehouse: Connection) -> None:
    queue = new_queue()
    bodies = ["two\nlines", "é😀\u2028", json.dumps(reading(1), indent=2), f"{json.dumps(reading(2))}{{broken"]
    send(queue, bodies)
    queue_execution().run()
    assert ledger_of(warehouse) == [(4, 0, 5, 2, 0, 3)]
    raws = {bytes(raw).decode() for (raw,) in rows(warehouse, "SELECT raw FROM quarantine")}
    assert raws == {bodies[0], bodies[1], "{broken"}


def test_a_message_that_is_sent_again_is_known_by_its_envelope(warehouse: Connection) -> None:
    """A redrive from the dead-letter queue sends a message anew, under another id of SQS's."""
    queue = new_queue()
    first, second = envelope(reading(1), "first"), envelope(b"nonsense", "second")
    send(queue, [first, second, first])
    assert queue_execution().run()["rows_read"] == 2
    send(queue, [second, envelope(reading(2), "third"), first])
    assert queue_execution().run()["loaded"] == 1
    assert sorted(ledger_of(warehouse)) == [(1, 2, 1, 1, 0, 0), (2, 1, 2, 1, 0, 1)]


def test_messages_are_counted_on_the_day_they_were_received(warehouse: Connection) -> None:
    queue = new_queue()
    days = [HOUR_START - timedelta(days=before) for before in (0, 0, 3)]
    envelopes = [envelope(reading(number), received_at=day) for number, day in enumerate(days)]
    send(queue, [*envelopes, envelopes[0]])
    queue_execution().run()
    counted = "SELECT lane, day, messages FROM load_object_days ORDER BY day"
    assert rows(warehouse, counted) == [("queue", days[2].date(), 1), ("queue", days[0].date(), 2)]


def test_a_reading_that_comes_down_both_lanes_is_stored_once(warehouse: Connection) -> None:
    queue = new_queue()
    send(queue, map(reading, range(100)))
    put_raw(map(reading, range(100)))
    queue_execution().run()
    assert Execution("telemetry").run()["duplicate"] == 100
    assert len(table_of(warehouse)) == 100
    counted = "SELECT lane, sum(messages), sum(loaded), sum(duplicate) FROM load_objects GROUP BY lane ORDER BY lane"
    assert rows(warehouse, counted) == [("lake", 100, 0, 100), ("queue", 100, 100, 0)]


def test_kill_between_put_and_delete_counts_no_message_twice(warehouse: Connection) -> None:
    queue = new_queue(visibility_seconds=2)
    send(queue, [*map(reading, range(57)), "nonsense"])
    with pytest.raises(KilledError):
        drained(queue, killed_at("DeleteMessageBatch"), name="first")
    assert len(objects()) == 1
    wait_until(lambda: visible_messages(queue) == 58, what="the messages to come back", timeout=60)
    send(queue, [reading(100)])
    summary = queue_execution().run()
    assert (summary["objects"], summary["rows_read"], summary["loaded"], summary["quarantined"]) == (2, 59, 58, 1)
    assert sum(messages for messages, *_ in ledger_of(warehouse)) == 59
    assert sum(redelivered for _, redelivered, *_ in ledger_of(warehouse)) == 58
    assert rows(warehouse, "SELECT count(*) FROM quarantine") == [(1,)]
    assert queue_depth(queue) == 0


def test_kill_before_put_leaves_every_message_in_the_queue(warehouse: Connection) -> None:
    queue = new_queue(visibility_seconds=2)
    send(queue, map(reading, range(30)))
    s3 = etl.s3()
    s3.meta.events.register("before-call.s3.PutObject", lambda **_: (_ for _ in ()).throw(KilledError))
    with pytest.raises(KilledError):
        drain(
            etl.sqs(),
            s3,
            queue_url=queue,
            bucket=etl.raw_bucket(),
            stream="telemetry",
            name="first",
            limits=load_settings().extract,
            out_of_time=lambda: False,
        )
    assert objects() == {}
    wait_until(lambda: visible_messages(queue) == 30, what="the messages to come back", timeout=60)
    assert queue_execution().run()["loaded"] == 30


def test_objects_of_a_killed_drain_are_loaded_by_the_next_load(warehouse: Connection) -> None:
    queue = new_queue()
    send(queue, map(reading, range(20)))
    assert drained(queue, name="died-after-this") == 20
    assert queue_execution().run()["loaded"] == 20


def test_a_drain_run_again_under_the_same_name_changes_no_object(warehouse: Connection) -> None:
    queue = new_queue()
    send(queue, map(reading, range(25)))
    drained(queue, name="same", queue_object_messages=10)
    before = objects()
    send(queue, map(reading, range(25, 40)))
    drained(queue, name="same", queue_object_messages=10)
    after = objects()
    assert {key: after[key] for key in before} == before
    assert len(after) > len(before)
    assert queue_execution().run()["loaded"] == 40


def test_a_drain_respects_its_limits() -> None:
    queue = new_queue()
    send(queue, map(reading, range(60)))
    assert drained(queue, queue_batch_messages=35, queue_object_messages=20) == 35
    assert queue_depth(queue) == 25
    lines = [len(etl.gunzip(content).splitlines()) for content in objects().values()]
    assert sum(lines) == 35
    assert max(lines) == 20
    assert drained(queue, name="by-bytes", queue_object_bytes=1) == 25
    singles = [content for key, content in objects().items() if "by-bytes" in key]
    assert [len(etl.gunzip(content).splitlines()) for content in singles] == [1] * 25


def test_a_drain_that_runs_out_of_time_leaves_the_rest() -> None:
    queue = new_queue()
    send(queue, map(reading, range(300)))
    asked = iter([False, True])
    moved = drain(
        etl.sqs(),
        etl.s3(),
        queue_url=queue,
        bucket=etl.raw_bucket(),
        stream="telemetry",
        name="short",
        limits=load_settings().extract,
        out_of_time=lambda: next(asked),
    )
    assert 0 < moved <= 100
    assert moved + queue_depth(queue) == 300


def test_a_drain_takes_messages_sent_before_it_began_and_ends(aws: Emulator) -> None:
    """Devices never stop to send; a drain that waits for an empty queue would not end."""
    queue = new_queue()
    send(queue, map(reading, range(10)))
    steady = etl.sqs()
    count = iter(range(1000, 2000))
    steady.meta.events.register("before-call.sqs.ReceiveMessage", lambda **_: send(queue, [reading(next(count))]))
    assert drained(queue, steady) < 200


def test_objects_are_in_the_hour_in_which_they_were_drained(warehouse: Connection) -> None:
    queue = new_queue()
    send(queue, [reading(0)])
    began = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    queue_execution().run()
    ((hour,),) = rows(warehouse, "SELECT partition_start FROM load_objects")
    assert began <= hour <= datetime.now(UTC)
    assert table_of(warehouse)[0][1] == HOUR_START


def test_two_loads_of_the_same_queue_at_once_take_each_message_once(warehouse: Connection) -> None:
    queue = new_queue()
    send(queue, map(reading, range(200)))
    first, second = queue_execution(), queue_execution()
    items = first.extract()
    batches = [first.transform(items), second.transform(second.extract())]
    assert at_once(2, lambda which: (first, second)[which].load(batches[which])) == []
    assert sum(loaded for *_, loaded, _, _ in ledger_of(warehouse)) == 200
    assert first.summarise()["status"] in ("succeeded", "empty")
