"""DeviceSimulatorFunction publishes one reading of each simulated device, on a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from telemetry.aws.clients import client
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.devices.simulate import Simulation, simulate

SETTINGS = load_settings().simulator
STREAM = find_stream(SETTINGS.stream)
BROKER = client("iot-data")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Publish with QoS 1. The schedule's time decides the readings: a retry by Lambda publishes the same ones."""
    end = datetime.fromisoformat(event["time"]) if "time" in event else datetime.now(UTC)
    simulation = Simulation(
        STREAM,
        messages=SETTINGS.devices,
        devices=SETTINGS.devices,
        start=end - timedelta(seconds=1),
        end=end,
        seed=int(end.timestamp()),
    )
    for message in simulate(simulation):
        BROKER.publish(topic=STREAM.topic_of(message.device_id), qos=1, payload=message.payload)
    return {"published": SETTINGS.devices}
