"""Messages of stream telemetry, each with what must become of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from telemetry.interval import Interval

Values = tuple[str, datetime, float, float, str | None]
"""A row of the table: device, event time, temperature, humidity, and the rest as JSON."""


HOUR_START = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL, DAY = Interval.hour(HOUR_START), Interval.day(HOUR_START.date())
"""A partition of history, and its day."""


@dataclass(frozen=True)
class Message:
    """A payload; the readings it must become, and the raw bytes of it that must be quarantined."""

    payload: bytes
    readings: tuple[Values, ...] = ()
    rejects: tuple[bytes, ...] = ()


def reading(number: int, when: datetime | None = None, **extra: Any) -> Message:
    """A valid one; another for each number."""
    when = when or datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    moment = when + timedelta(milliseconds=number)
    document = {
        "device_id": f"device-{number % 7}",
        "timestamp": moment.isoformat(),
        "temperature": -40 + number % 1250 / 10,
        "humidity": number % 1000 / 10,
        **extra,
    }
    text = json.dumps(extra, sort_keys=True) if extra else None
    values = (document["device_id"], moment, document["temperature"], document["humidity"], text)
    return Message(json.dumps(document).encode(), (values,))


def readings(numbers: Iterable[int], when: datetime | None = None) -> list[Message]:
    """Many, of one moment."""
    return [reading(number, when) for number in numbers]


def corrupt(number: int) -> Message:
    """One that is no reading: not JSON, not UTF-8, not whole, out of range, from the future, empty, of many lines."""
    kinds = (
        f"nonsense {number}".encode(),
        b"\xff\xfe\x00 %d" % number,
        reading(number).payload[:-7],
        reading(number).payload.replace(b'"humidity": ', b'"humidity": 999'),
        reading(number, datetime(2999, 1, 1, tzinfo=UTC)).payload,
        b"",
        b'two\nlines, "%d"\\.' % number,
    )
    payload = kinds[number % len(kinds)]
    return Message(payload, rejects=(payload,))


def long_corrupt(number: int) -> Message:
    """One of 6,000 bytes: as text in a COPY it is more than one chunk."""
    payload = b"%d" % number + b"#" * 6000
    return Message(payload, rejects=(payload,))


def array(messages: Iterable[Message]) -> Message:
    """One message that carries several."""
    found = list(messages)
    return Message(
        b"[" + b",".join(one.payload for one in found) + b"]",
        tuple(values for one in found for values in one.readings),
        tuple(raw for one in found for raw in one.rejects),
    )


def some(start: int = 0, hour: datetime = HOUR_START) -> list[Message]:
    """A raw object's messages: 60 readings and one that is none."""
    return [*readings(range(start, start + 60), hour - timedelta(minutes=1)), corrupt(7 * start)]
