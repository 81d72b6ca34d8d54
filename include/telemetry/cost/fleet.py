"""The devices, what they send, and in what steps AWS meters that."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import orjson

from telemetry.errors import TelemetryError

KB = 1024
STEP_BYTES = 5 * KB
"""IoT Core and Firehose bill every 5 KB begun of a message or record (their pricing pages)."""
SQS_STEP_BYTES = 64 * KB
MESSAGE_BYTES_MAX = 128 * KB
"""The longest message that IoT Core takes (AWS IoT Core endpoints and quotas)."""


@dataclass(frozen=True)
class Fleet:
    """Devices that all do the same: each takes a reading every ``interval_seconds`` of ``payload_bytes`` as JSON, and
    sends a message whenever it has ``readings_per_message``: one as it is, more as an array.

    Raises:
        TelemetryError: a number is out of its bounds, or the message is longer than IoT Core takes.
    """

    devices: int
    interval_seconds: float
    payload_bytes: int = 250
    readings_per_message: int = 1

    def __post_init__(self) -> None:
        if self.devices < 1 or self.payload_bytes < 2 or self.readings_per_message < 1:
            raise TelemetryError("A fleet has one device or more, whose messages hold a reading of 2 bytes or more.")
        if not 0 < self.interval_seconds < math.inf:
            raise TelemetryError(f"An interval of {self.interval_seconds} seconds is none.", "Name the seconds, as 60.")
        if self.message_bytes > MESSAGE_BYTES_MAX:
            raise TelemetryError(
                f"A message would have {self.message_bytes:,} bytes; AWS IoT Core takes {MESSAGE_BYTES_MAX:,}.",
                f"At {self.payload_bytes:,} bytes a reading, {self.most_readings(MESSAGE_BYTES_MAX)} fit.",
            )

    @property
    def message_bytes(self) -> int:
        """A message's payload: a reading, or an array with its brackets and commas."""
        brackets = self.readings_per_message + 1 if self.readings_per_message > 1 else 0
        return self.readings_per_message * self.payload_bytes + brackets

    def most_readings(self, limit: int) -> int:
        """How many readings a message of at most ``limit`` bytes holds."""
        return max(1, (limit - 1) // (self.payload_bytes + 1))

    def with_readings(self, number: int) -> Fleet:
        """The same devices with so many readings a message."""
        return replace(self, readings_per_message=number)


@dataclass(frozen=True)
class Traffic:
    """A month of a fleet's messages: what each service meters of it."""

    devices: int
    readings: float
    messages: float
    record_bytes: int
    """A message in its envelope, as it goes to Firehose and to SQS."""
    message_steps: int
    record_steps: int


def traffic(fleet: Fleet, month_hours: float, topic: str) -> Traffic:
    """The month's messages; fractions of one are kept, for it is a mean."""
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
    """In how many steps a size is metered: every one begun, and one at least."""
    return max(1, math.ceil(size / step))


def envelope_bytes(payload_bytes: int, topic: str) -> int:
    """The line that the topic rule makes of a payload: the payload in base64, and what is known of it."""
    envelope = {"message_id": "0" * 36, "topic": topic, "received_at": 1_700_000_000_000, "payload": ""}
    return len(orjson.dumps(envelope)) + 4 * math.ceil(payload_bytes / 3) + 1
