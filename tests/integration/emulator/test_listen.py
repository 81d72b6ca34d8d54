"""What devices publish is heard, and makes a draft of a stream."""

from __future__ import annotations

from emulated import Device, Emulator, unique
from telemetry.devices.listen import Listener, listen
from telemetry.devices.mqtt import Broker, Publisher
from telemetry.streams.inference.infer import infer_stream
from telemetry.streams.recordings import Sample


def test_listening_ends_after_enough_messages(emulator: Emulator, device: Device) -> None:
    broker = Broker("localhost", emulator.mqtt_port, *device.files)
    place = unique("plant")
    payloads = [b'{"at": 1795168800, "t": 20.5}', b'{"at": 1795168860, "t": 21}']
    with Listener(broker, f"{place}/+/t") as listener, Publisher(broker) as publisher:
        assert listener.wait(0, 1) == []
        for payload in payloads:
            publisher.publish(f"{place}/p-1/t", payload)
            publisher.publish(f"{place}/p-1/other", payload)
        publisher.flush()
        heard = listener.wait(60, 2)
    assert [(one.topic, one.payload) for one in heard] == [(f"{place}/p-1/t", payload) for payload in payloads]
    samples = [Sample("here", one.payload, one.topic, one.received_at) for one in heard]
    stream = infer_stream("x", samples).stream
    assert (stream.topic, stream.event_time.format) == (f"{place}/+/t", "epoch_seconds")


def test_listening_ends_after_its_timeout(emulator: Emulator, device: Device) -> None:
    broker = Broker("localhost", emulator.mqtt_port, *device.files)
    assert listen(broker, unique("silent"), 0.2, 1) == []
