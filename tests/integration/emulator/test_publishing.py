"""What the message broker refuses and counts, and the topics it remembers."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.request
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from botocore.exceptions import ClientError
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from emulated import Device, Emulator, unique

LARGEST = b"x" * 131_072
PACKET_TOO_LARGE = 0x95


def unmatched(emulator: Emulator) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{emulator.url}/_telemetry/unmatched-topics") as answer:  # noqa: S310 - loopback
        return list(json.loads(answer.read()))


def taken(emulator: Emulator) -> tuple[str, str]:
    """A rule's topic, and its queue."""
    topic, queue = unique("large"), emulator.queue()
    emulator.rule(topic, [{"sqs": {"queueUrl": queue, "roleArn": "arn:aws:iam::000000000000:role/test"}}])
    return topic, queue


def test_the_largest_payload_passes(emulator: Emulator, device: Device) -> None:
    topic, queue = taken(emulator)
    device.publish(topic, LARGEST)
    emulator.client("iot-data").publish(topic=topic, payload=LARGEST)
    assert [len(body) for body in emulator.messages(queue)] == [len(LARGEST)] * 2


@pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5], ids=["3.1.1", "5"])
def test_a_larger_payload_closes_the_connection(
    emulator: Emulator, device: Device, version: MQTTProtocolVersion
) -> None:
    topic, queue = taken(emulator)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=unique("large"), protocol=version)
    authority, certificate, key = device.files
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(certificate, key)
    client.tls_set_context(context)
    connected, closed, reasons = threading.Event(), threading.Event(), []

    def on_disconnect(_: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        reasons.append(reason)
        client.disconnect()  # or it would connect again
        closed.set()

    client.on_connect, client.on_disconnect = lambda *_: connected.set(), on_disconnect
    client.connect("localhost", emulator.mqtt_port)
    client.loop_start()
    try:
        assert connected.wait(60)
        client.publish(topic, LARGEST + b"x", qos=1)
        assert closed.wait(60)
    finally:
        client.loop_stop()
    if version is MQTTProtocolVersion.MQTTv5:
        assert reasons[0].value == PACKET_TOO_LARGE
    assert emulator.messages(queue) == []


def test_a_larger_payload_is_refused_over_https(emulator: Emulator) -> None:
    topic, queue = taken(emulator)
    with pytest.raises(ClientError) as refused:
        emulator.client("iot-data").publish(topic=topic, payload=LARGEST + b"x")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert refused.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert emulator.messages(queue) == []


def test_what_is_published_is_counted_by_protocol(journaled: Emulator) -> None:
    device = journaled.device()
    topic, _ = taken(journaled)
    device.publish(topic, b"1", b"2")
    device.publish("nowhere", b"3")
    device.close()
    journaled.client("iot-data").publish(topic=topic, payload=b"4")
    for _ in range(2):
        counts = [journaled.metric("AWS/IoT", "PublishIn.Success", Protocol=one) for one in ("MQTT", "HTTP")]
        assert counts == [3, 1]
        journaled.restart()


def test_topics_that_no_rule_takes_are_remembered(journaled: Emulator) -> None:
    device = journaled.device()
    topic, _ = taken(journaled)
    journaled.rule("disabled", [], ruleDisabled=True)
    device.publish(topic, b"")
    device.publish("a/b", b"1", b"2")
    device.publish("disabled", b"3")
    device.close()
    seen = [(one["topic"], one["messages"]) for one in unmatched(journaled)]
    assert seen == [("disabled", 1), ("a/b", 2)]
    journaled.restart()
    assert [(one["topic"], one["messages"]) for one in unmatched(journaled)] == seen
    assert journaled.stop() == 0
    journaled.start()
    assert [(one["topic"], one["messages"]) for one in unmatched(journaled)] == seen


def test_only_the_last_topics_are_remembered(emulator: Emulator) -> None:
    device, prefix = emulator.device(), unique("many")
    for number in range(101):
        device.publish(f"{prefix}/{number}", b"")
    device.publish(f"{prefix}/1", b"")
    device.close()
    found = unmatched(emulator)
    assert len(found) == 100
    assert [one["topic"] for one in found[:2]] == [f"{prefix}/1", f"{prefix}/100"]
    assert f"{prefix}/0" not in {one["topic"] for one in found}
