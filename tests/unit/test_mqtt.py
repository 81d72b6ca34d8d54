"""What a publisher is told when it cannot publish. That publishing works is seen on the real stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetry.devices.mqtt import Broker, Publisher, publish
from telemetry.errors import TelemetryError

VARIABLES = {
    "TELEMETRY_MQTT_HOST": "localhost",
    "TELEMETRY_MQTT_PORT": "8883",
    "TELEMETRY_MQTT_CA": "ca.pem",
    "TELEMETRY_MQTT_CERTIFICATE": "device.pem",
    "TELEMETRY_MQTT_KEY": "device.key",
}


def test_the_environment_names_the_broker() -> None:
    broker = Broker.from_environment(VARIABLES)
    assert broker == Broker("localhost", 8883, Path("ca.pem"), Path("device.pem"), Path("device.key"))
    assert str(broker) == "localhost:8883"


@pytest.mark.parametrize("name", VARIABLES)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(TelemetryError, match=f"{name} is not set"):
        Broker.from_environment({key: value for key, value in VARIABLES.items() if key != name})


def test_a_port_is_a_number() -> None:
    with pytest.raises(TelemetryError, match="TELEMETRY_MQTT_PORT is not a number"):
        Broker.from_environment(VARIABLES | {"TELEMETRY_MQTT_PORT": "mqtts"})


def test_missing_certificates_are_named() -> None:
    with pytest.raises(TelemetryError, match=r"certificate files cannot be used.*device\.pem"):
        publish(Broker.from_environment(VARIABLES), [])


def test_a_payload_that_would_close_the_connection_is_not_sent() -> None:
    publisher = Publisher(Broker.from_environment(VARIABLES))
    with pytest.raises(TelemetryError, match="devices/a/x: the payload has 131,073 bytes; AWS IoT Core takes 131,072"):
        publisher.publish("devices/a/x", b"x" * 131_073)
    assert publisher.sent == 0
