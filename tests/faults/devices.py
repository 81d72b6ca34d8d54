"""Devices that publish in a steady stream, by the clock, and note what must become of it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from telemetry.devices.mqtt import Broker, Publisher
from telemetry.errors import TelemetryError

STREAMS = ("telemetry", "environment")
DUPLICATE, MALFORMED, LATE = 0.02, 0.01, 0.03
MALFORMED_PAYLOADS = (
    b"not JSON",
    b"",
    b"\xff\xfe\x00",
    b"two\nlines\n",
    b'{"device_id": "d"}',
    b'{"device_id": "d",\n"temperature": "x"}',
    b"\0",
)

Row = tuple[str, datetime, float, float]
"""Device, event time, temperature, humidity."""


@dataclass
class Devices:
    """What is published at ``rate`` messages a second, whatever becomes of the broker."""

    rate: float
    seed: int
    sent: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    readings: dict[str, set[Row]] = field(default_factory=lambda: {stream: set() for stream in STREAMS})
    acknowledged: int = 0

    def publish(self, broker: Broker, stop: threading.Event) -> None:
        """Publish until told to stop, and then until the broker has acknowledged every message."""
        with Publisher(broker) as publisher:
            began, messages = time.monotonic(), self.messages()
            while not stop.wait(max(0.0, began + self.sent.total() / self.rate - time.monotonic())):
                topic, payload = next(messages)  # noted as sent, so it has to be
                self._insist(partial(publisher.publish, topic, payload))
                self.acknowledged = publisher.acknowledged
            self._insist(publisher.flush)
            self.acknowledged = publisher.acknowledged

    def _insist(self, action: Callable[[], object]) -> None:
        """The publisher gives up when the broker is silent for long; a device does not."""
        while True:
            with suppress(TelemetryError):
                action()
                return

    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload, without end; what must become of it is noted before it is sent."""
        chance = random.Random(self.seed)  # noqa: S311 - no secret
        last: list[tuple[str, str, bytes]] = []
        number = 0
        while True:
            number += 1
            stream = STREAMS[number % 4 == 0]
            lot = chance.random()
            if lot < DUPLICATE and last:
                stream, topic, payload = chance.choice(last)
            elif lot < DUPLICATE + MALFORMED:
                topic, payload = f"devices/broken/{stream}", chance.choice(MALFORMED_PAYLOADS)
                self.bad[stream] += 1
            else:
                topic, payload = self._reading(stream, number, late=lot > 1 - LATE, chance=chance)
                last = [*last[-50:], (stream, topic, payload)]
            self.sent[stream] += 1
            yield topic, payload

    def _reading(self, stream: str, number: int, *, late: bool, chance: random.Random) -> tuple[str, bytes]:
        device = f"device-{number % 40}"
        moment = datetime.now(UTC).replace(microsecond=number % 1000 * 1000) - timedelta(hours=6 if late else 0)
        temperature, humidity = round(chance.uniform(-40, 85), 2), round(chance.uniform(0, 100), 2)
        values = {"temperature": temperature, "humidity": humidity}
        document: dict[str, Any] = {"device_id": device, "timestamp": moment.isoformat(), **values}
        if stream == "environment":
            document = {
                "device_id": device,
                "ts": moment.timestamp(),
                "data": {"temp": temperature, "humidity": humidity},
            }
        self.readings[stream].add((device, moment, temperature, humidity))
        return f"devices/{device}/{stream}", json.dumps(document).encode()
