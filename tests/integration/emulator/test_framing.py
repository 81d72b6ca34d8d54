"""The pipeline's SELECT: one line of JSON for any payload, the same bytes for every action."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from emulated import ROLE, Device, Emulator, unique, until

SELECT = "SELECT newuuid() AS message_id, topic() AS topic, timestamp() AS received_at, encode(*, 'base64') AS payload"
PAYLOADS = {
    "nothing": b"",
    "not UTF-8": b"\xff\xfe\x00\x80 not text",
    "control characters": b"a \x01 b \x00",
    "newlines": b'{\n"a": 1\r\n}\n\n',
    "deep nesting": b"[" * 10_000 + b"]" * 10_000,
    "128 KB": b"\xf0" * 131_072,
    "not a number": b'{"a": NaN, "b": -Infinity}',
    "a number beyond all": b'{"a": 1e999}',
    "a key twice": b'{"a":  1.50, "a": 0.1000000000000000055}',
    "half a character": '"€"'.encode()[:-2],
    "a message like ours": b'{"message_id": "x", "topic": "y", "received_at": 1, "payload": "eg=="}',
}


@pytest.fixture(scope="module")
def lane(emulator: Emulator) -> dict[str, str]:
    """The rule of the pipeline, with its two actions."""
    topic, bucket, queue = unique("devices"), emulator.bucket(), emulator.queue()
    stream = emulator.delivery_stream(bucket, seconds=1)
    actions: list[dict[str, Any]] = [
        {"firehose": {"deliveryStreamName": stream, "separator": "\n", "roleArn": ROLE}},
        {"sqs": {"queueUrl": queue, "useBase64": False, "roleArn": ROLE}},
    ]
    rule = emulator.rule(f"{topic}/+", actions, sql=f"{SELECT} FROM '{topic}/+'")
    return {"topic": topic, "bucket": bucket, "queue": queue, "rule": rule}


@pytest.mark.parametrize("name", PAYLOADS)
def test_any_payload_is_one_line_of_four_keys(
    emulator: Emulator, device: Device, lane: dict[str, str], name: str
) -> None:
    topic = f"{lane['topic']}/{uuid.uuid4().hex}"
    device.publish(topic, PAYLOADS[name])
    (body,) = emulator.messages(lane["queue"])
    envelope = json.loads(body)
    assert list(envelope) == ["message_id", "topic", "received_at", "payload"]
    assert uuid.UUID(envelope["message_id"]).version == 4
    assert envelope["topic"] == topic
    assert abs(datetime.now(UTC).timestamp() * 1000 - envelope["received_at"]) < 60_000
    assert base64.b64decode(envelope["payload"], validate=True) == PAYLOADS[name]

    def lines() -> list[bytes]:
        keys = emulator.keys(lane["bucket"], "raw/")
        return [line for key in keys for line in emulator.content(lane["bucket"], key).split(b"\n")]

    until(lambda: body.encode() in lines(), "the same line in the lake")


def test_messages_are_counted_in_the_minute_they_were_received_in(
    emulator: Emulator, device: Device, lane: dict[str, str]
) -> None:
    device.publish(f"{lane['topic']}/counted", b"1", b"2", b"3")
    received = [json.loads(body)["received_at"] for body in emulator.messages(lane["queue"])]
    answer = emulator.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/IoT",
        MetricName="TopicMatch",
        Dimensions=[{"Name": "RuleName", "Value": lane["rule"]}],
        StartTime=min(received) / 1000 - 3600,
        EndTime=max(received) / 1000 + 60,
        Period=60,
        Statistics=["Sum"],
    )
    counted = {point["Timestamp"].timestamp(): point["Sum"] for point in answer["Datapoints"]}
    minutes = [instant // 60_000 * 60 for instant in received]
    assert len(received) == 3
    assert all(counted[minute] >= minutes.count(minute) for minute in minutes)
