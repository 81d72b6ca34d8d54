"""A fleet of devices, the messages that it sends, and how AWS meters them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import orjson

from telemetry.errors import TelemetryError

KB = 1024
STEP_BYTES = 5 * KB
"""IoT Core and Firehose round every message or record up to a multiple of this (their pricing pages)."""
SQS_STEP_BYTES = 64 * KB
MESSAGE_BYTES_MAX = 128 * KB
"""The longest message that IoT Core accepts (AWS IoT Core endpoints and quotas)."""


@dataclass(frozen=True)
class Fleet:
    """Identical devices: each takes a reading of ``payload_bytes`` of JSON every ``interval_seconds``, and sends a
    message when it has ``readings_per_message`` of them. A single reading is sent as it is, several as an array.

    Raises:
        TelemetryError: a number is out of its bounds, or the message is longer than IoT Core accepts.
    """

    devices: int
    interval_seconds: float
    payload_bytes: int = 250
    readings_per_message: int = 1

    def __post_init__(self) -> None:
        if self.devices < 1 or self.payload_bytes < 2 or self.readings_per_message < 1:
            raise TelemetryError(
                "A fleet needs one device or more, and one reading or more in a message, of 2 bytes or more."
            )
        if not 0 < self.interval_seconds < math.inf:
            raise TelemetryError(
                f"An interval of {self.interval_seconds} seconds is not possible.", "Give seconds, such as 60."
            )
        if self.message_bytes > MESSAGE_BYTES_MAX:
            raise TelemetryError(
                f"A message would have {self.message_bytes:,} bytes; AWS IoT Core takes {MESSAGE_BYTES_MAX:,}.",
                f"At {self.payload_bytes:,} bytes a reading, {self.most_readings(MESSAGE_BYTES_MAX)} fit.",
            )

    @property
    def message_bytes(self) -> int:
        """The size of a message's payload: a reading, or an array with its brackets and commas."""
        brackets = self.readings_per_message + 1 if self.readings_per_message > 1 else 0
        return self.readings_per_message * self.payload_bytes + brackets

    def most_readings(self, limit: int) -> int:
        """Return how many readings fit in a message of ``limit`` bytes, but at least 1."""
        return max(1, (limit - 1) // (self.payload_bytes + 1))

    def with_readings(self, number: int) -> Fleet:
        """Return the same fleet with ``number`` readings in a message."""
        return replace(self, readings_per_message=number)


@dataclass(frozen=True)
class Traffic:
    """The messages that a fleet sends in a month, as AWS services meter them."""

    devices: int
    readings: float
    messages: float
    record_bytes: int
    """The size of a message in its envelope, as Firehose and SQS receive it."""
    message_steps: int
    record_steps: int


def traffic(fleet: Fleet, month_hours: float, topic: str) -> Traffic:
    """Compute a month's traffic on ``topic``. The numbers are means, so fractions are kept."""
    readings = fleet.devices * month_hours * 3600 / fleet.interval_seconds
    record = envelope_bytes(fleet.message_bytes, topic)
    return Traffic(
        devices=fleet.devices,
        readings=readings,
        messages=readings / fleet.readings_per_message,
        record_bytes=record,
        message_steps=steps(fleet.message_bytes + len(topic)),
        record_steps=steps(record),
    )


def steps(size: int, step: int = STEP_BYTES) -> int:
    """Return the number of steps that ``size`` is rounded up to, at least 1."""
    return max(1, math.ceil(size / step))


def envelope_bytes(payload_bytes: int, topic: str) -> int:
    """Return the size of the envelope that the topic rule makes of a payload (``telemetry.lake.envelopes``)."""
    envelope = {"message_id": "0" * 36, "topic": topic, "received_at": 1_700_000_000_000, "payload": ""}
    return len(orjson.dumps(envelope)) + 4 * math.ceil(payload_bytes / 3) + 1
