"""A message that fails too often is a dead letter: counted, shown, and sent back to be loaded after all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import etl
from command import run_command
from emulated import Emulator, until
from etl import (
    KilledError,
    killed_at,
    ledger_of,
    new_queue,
    queue_depth,
    queue_execution,
    reading,
    rows,
    send,
    table_of,
    visible_messages,
)
from telemetry.accounting.conservation import LaneSums
from telemetry.accounting.status import account
from telemetry.aws import queues as sqs_queues
from telemetry.aws.queues import list_dead_letters, queue_url, redrive
from telemetry.config.deployment import Deployment
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.errors import TelemetryError
from telemetry.interval import Lane
from telemetry.lake.ingest import topic_rule_sql
from telemetry.warehouse.connection import Connection

STREAM = find_stream("telemetry")
NAMES = load_settings().names
RECEIVES = load_settings().queue.max_receive_count


@pytest.fixture
def queues(aws: Emulator) -> Iterator[tuple[str, str]]:
    """The stream's queue and its dead-letter queue, both empty."""
    sqs = etl.sqs()
    name = NAMES.dead_letter_queue(STREAM.stream)
    for found in sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=found)
    dead = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    queue = new_queue()
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    yield queue, dead
    sqs.delete_queue(QueueUrl=dead)


def fail_to_take(url: str) -> None:
    """Receive every message as often as may be, and delete none."""
    sqs = etl.sqs()
    while queue_depth(url):
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    ended = run_command(capsys, "dlq", *arguments)
    assert ended.code == code, ended
    return ended.out + ended.err * (code > 0)


def test_a_dead_letter_is_counted_shown_and_loaded_after_its_redrive(
    aws: Emulator,
    queues: tuple[str, str],
    warehouse: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    queue, dead = queues
    rule = NAMES.topic_rule(STREAM.stream)
    sql = topic_rule_sql(STREAM.topic)
    payload = {"sql": sql, "actions": [{"sqs": {"queueUrl": queue, "roleArn": "r", "useBase64": False}}]}
    aws.client("iot").create_topic_rule(ruleName=rule, topicRulePayload=payload)

    def lane() -> LaneSums:
        return account([STREAM], warehouse, Deployment.from_environment(), load_settings())[STREAM.stream].lanes[
            Lane.queue
        ]

    before = lane().published
    payloads = [json.dumps(reading(1)).encode(), b"\xff\x00 not\njson \x1b[31m", b""]
    device = aws.device()
    began = datetime.now(UTC) - timedelta(seconds=1)
    device.publish(STREAM.topic_of("device-1"), *payloads)
    device.close()
    until(lambda: queue_depth(queue) == 3, "the messages")
    fail_to_take(queue)
    assert (queue_depth(queue), queue_depth(dead)) == (0, 3)
    assert (lane().published - before, lane().in_flight, lane().difference - before) == (3, 3, 0)

    listed = json.loads(said(capsys, "list", "--stream", STREAM.stream, "--json"))
    assert {one["payload"] for one in listed} == {one.decode("utf-8", "backslashreplace") for one in payloads}
    assert {(one["stream"], one["topic"], one["size"]) for one in listed} == {
        (STREAM.stream, STREAM.topic_of("device-1"), len(one)) for one in payloads
    }
    assert all(one["receive_count"] >= RECEIVES for one in listed)
    assert all(began.isoformat() <= one["received_at"] <= one["sent_at"] for one in listed)
    assert "\x1b" not in said(capsys, "list", "--stream", STREAM.stream)
    assert queue_depth(dead) == 3

    answer = json.loads(said(capsys, "redrive", "--stream", STREAM.stream, "--json"))
    assert answer == [{"stream": STREAM.stream, "moved": 3, "refused": 0}]
    assert (queue_depth(queue), queue_depth(dead)) == (3, 0)
    assert (lane().in_flight, lane().difference - before) == (3, 0)
    assert queue_execution().run()["rows_read"] == 3
    assert ledger_of(warehouse) == [(3, 0, 3, 1, 0, 2)]
    assert (lane().in_flight, lane().difference - before) == (0, 0)
    raws = {bytes(raw) for (raw,) in rows(warehouse, "SELECT raw FROM quarantine")}
    assert raws == set(payloads[1:])
    aws.client("iot").delete_topic_rule(ruleName=rule)


def test_listing_dead_letters_changes_nothing_and_can_be_repeated_at_once(queues: tuple[str, str]) -> None:
    _, dead = queues
    send(dead, [etl.envelope(reading(number)) for number in range(25)])
    for limit, expected in ((100, 25), (25, 25), (7, 7), (0, 0)):
        assert len(list_dead_letters(etl.sqs(), dead, limit)) == expected
    assert len(etl.sqs().receive_message(QueueUrl=dead, MaxNumberOfMessages=10)["Messages"]) == 10
    assert queue_depth(dead) == 25


def test_bodies_that_are_envelopes_are_sent_as_they_are(aws: Emulator, queues: tuple[str, str]) -> None:
    queue, dead = queues
    sent = [etl.envelope(reading(number)) for number in range(34)]
    send(dead, sent)
    seen: list[int] = []
    done = redrive(etl.sqs(), dead, queue, on_progress=seen.append)
    assert (done.moved, done.refused) == (34, {})
    assert seen == sorted(seen)
    assert seen[-1] == 34
    assert sorted(aws.messages(queue)) == sorted(sent)
    assert queue_depth(dead) == 0
    assert redrive(etl.sqs(), dead, queue).moved == 0


def test_large_messages_are_sent_in_calls_that_sqs_takes(aws: Emulator, queues: tuple[str, str]) -> None:
    queue, dead = queues
    sent = [etl.envelope(reading(number, note="x" * 60_000)) for number in range(12)]
    for body in sent:
        send(dead, [body])
    sqs, sizes = etl.sqs(), []

    def measure(params: Any, **_: Any) -> None:
        sizes.append(sum(len(entry["MessageBody"]) for entry in params["Entries"]))

    sqs.meta.events.register("provide-client-params.sqs.SendMessageBatch", measure)
    assert redrive(sqs, dead, queue).moved == 12
    assert len(sizes) > 3
    assert max(sizes) <= 256 * 1024
    assert sorted(aws.messages(queue)) == sorted(sent)


@pytest.mark.parametrize("enveloped", [True, False])
def test_a_redrive_killed_between_send_and_delete_counts_no_message_twice(
    queues: tuple[str, str], warehouse: Connection, monkeypatch: pytest.MonkeyPatch, enveloped: bool
) -> None:
    """The message is in both queues, with two ids of SQS's: its envelope's is the same, also where we made that."""
    queue, dead = queues
    send(dead, [etl.envelope(reading(number)) if enveloped else reading(number) for number in range(5)])
    monkeypatch.setattr(sqs_queues, "VISIBILITY_TIMEOUT", 1)
    with pytest.raises(KilledError):
        redrive(killed_at("DeleteMessageBatch"), dead, queue)
    assert (queue_depth(queue), queue_depth(dead)) == (5, 5)
    assert queue_execution().run()["loaded"] == 5
    until(lambda: visible_messages(dead) == 5, "the messages to come back")
    assert redrive(etl.sqs(), dead, queue).moved == 5
    queue_execution().run()
    assert sum(messages for messages, *_ in ledger_of(warehouse)) == 5
    assert sum(redelivered for _, redelivered, *_ in ledger_of(warehouse)) == 5
    assert len(table_of(warehouse)) == 5


def test_a_message_that_sqs_refuses_stays_and_is_reported(
    queues: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    queue, dead = queues
    send(dead, [etl.envelope(reading(1)), etl.envelope(reading(2, note="x" * 3000))])
    etl.sqs().set_queue_attributes(QueueUrl=queue, Attributes={"MaximumMessageSize": "2048"})
    assert "SQS refused 1 messages; they are still dead letters" in said(capsys, "redrive", "-s", STREAM.stream, code=1)
    assert (queue_depth(queue), queue_depth(dead)) == (1, 1)


def test_a_stream_without_queues_is_named(aws: Emulator) -> None:
    with pytest.raises(TelemetryError, match="There is no queue iot-none-etl-data-dlq"):
        queue_url(etl.sqs(), NAMES.dead_letter_queue("none"))
