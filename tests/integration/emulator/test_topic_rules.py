"""Topic rules: whatever is published arrives or is reported, byte for byte, and is counted."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest

from emulated import Device, Emulator, unique, until


@dataclass
class Lane:
    """A topic whose rule has both of the system's actions and its error action."""

    emulator: Emulator
    topic: str
    bucket: str
    stream: str
    queue: str
    rule: str

    def lake(self) -> bytes:
        """What the delivery stream wrote, once it wrote something."""
        keys = until(lambda: self.emulator.keys(self.bucket, "raw/"), "an object")
        return b"".join(self.emulator.content(self.bucket, key) for key in keys)

    def errors(self) -> list[dict[str, Any]]:
        keys = self.emulator.keys(self.bucket, "rule-errors/")
        return [json.loads(self.emulator.content(self.bucket, key)) for key in keys]

    def count(self, name: str, action: str | None = None) -> float:
        dimensions = {"RuleName": self.rule} | ({"ActionType": action} if action else {})
        return self.emulator.metric("AWS/IoT", name, **dimensions)


@pytest.fixture
def lane(emulator: Emulator) -> Lane:
    topic, bucket, queue = unique("devices"), emulator.bucket(), emulator.queue()
    stream = emulator.delivery_stream(bucket, seconds=1)
    role = {"roleArn": "arn:aws:iam::000000000000:role/test"}
    rule = emulator.rule(
        f"{topic}/+",
        [
            {"firehose": {"deliveryStreamName": stream, "separator": "\n", **role}},
            {"sqs": {"queueUrl": queue, "useBase64": False, **role}},
        ],
        errorAction={"s3": {"bucketName": bucket, "key": "rule-errors/${topic(2)}/${newuuid()}", **role}},
    )
    return Lane(emulator, f"{topic}/one", bucket, stream, queue, rule)


def test_json_arrives_exactly_in_both_lanes(lane: Lane, device: Device) -> None:
    payloads = [b'{"a":  1.50, "a": 1e400, "b": 0.1000000000000000055}', b'"text"', b"[1,2]", b"NaN", b"not json"]
    device.publish(lane.topic, *payloads)
    assert lane.lake().split(b"\n") == [*payloads, b""]
    assert lane.emulator.messages(lane.queue) == [payload.decode() for payload in payloads]


def test_json_over_several_lines_is_put_on_one(lane: Lane, device: Device) -> None:
    device.publish(lane.topic, b'{\n  "a": 1.50,\r\n  "b": "x\\ny"\n}')
    assert lane.lake() == b'{   "a": 1.50,    "b": "x\\ny" }\n'


def test_payloads_nested_too_deep_to_parse_are_passed_through(lane: Lane, device: Device) -> None:
    payload = b"[" * 10_000 + b"\n" + b"]" * 10_000
    device.publish(lane.topic, payload)
    assert lane.lake() == payload + b"\n"


@pytest.mark.parametrize("payload", [b"\xff\xfe\x00\x80 not text", b"", b"a \x01 control character", b"nul \x00"])
def test_messages_too_large_for_sqs_reach_the_lake_and_the_error_action(
    lane: Lane, device: Device, payload: bytes
) -> None:
    device.publish(lane.topic, payload)
    assert lane.lake() == payload + b"\n"
    assert lane.emulator.messages(lane.queue) == []
    (error,) = lane.errors()
    assert error["ruleName"] == lane.rule
    assert error["topic"] == lane.topic
    assert error["clientId"] == device.name
    assert base64.b64decode(error["base64OriginalPayload"]) == payload
    (failure,) = error["failures"]
    assert failure["failedAction"] == "SqsAction"
    assert failure["failedResource"] == lane.queue
    assert failure["errorMessage"]
    assert [lane.count("Success", "Firehose"), lane.count("Failure", "Sqs")] == [1, 1]
    assert lane.count("ErrorActionSuccess", "S3") == 1


def test_an_error_action_that_fails_is_counted(lane: Lane, device: Device) -> None:
    rule = lane.emulator.client("iot").get_topic_rule(ruleName=lane.rule)["rule"]
    rule["errorAction"]["s3"]["bucketName"] = "no-such-bucket"
    kept = {key: rule[key] for key in ("sql", "actions", "errorAction")}
    lane.emulator.client("iot").replace_topic_rule(ruleName=lane.rule, topicRulePayload=kept)
    device.publish(lane.topic, b"")
    assert lane.count("ErrorActionFailure", "S3") == 1


def test_messages_are_counted_exactly(lane: Lane, device: Device) -> None:
    device.publish(lane.topic, *[b'{"n": %d}' % number for number in range(2000)])
    queue = {"QueueName": lane.queue.rsplit("/", 1)[1]}
    assert lane.count("TopicMatch") == 2000
    assert lane.count("Success", "Firehose") == 2000
    assert lane.count("Success", "Sqs") == 2000
    assert lane.count("Failure", "Sqs") == 0
    assert lane.emulator.metric("AWS/SQS", "NumberOfMessagesSent", **queue) == 2000
    bodies = lane.emulator.messages(lane.queue)
    assert sorted(json.loads(body)["n"] for body in bodies) == list(range(2000))


def test_a_projection_and_a_where_still_work(emulator: Emulator, device: Device) -> None:
    topic, queue = unique("devices"), emulator.queue()
    emulator.rule(
        topic,
        [{"sqs": {"queueUrl": queue, "roleArn": "arn:aws:iam::000000000000:role/test"}}],
        sql=f"SELECT *, topic() AS topic FROM '{topic}' WHERE a > 1",
    )
    device.publish(topic, b'{"a": 1}', b'{"a": 2}')
    assert [json.loads(body) for body in emulator.messages(queue)] == [{"a": 2, "topic": topic}]
