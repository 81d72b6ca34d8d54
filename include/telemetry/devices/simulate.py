"""Simulated devices: readings for any contract, and the faults that real devices have."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from telemetry.contracts.encoding import Json
from telemetry.contracts.model import ContractField, FieldType, Stream, TimeFormat
from telemetry.devices.messages import DeviceMessage, put_at, remove_at
from telemetry.errors import TelemetryError

LATE_HOURS = (1.0, 6.0)
"""How far behind its message a late reading's event time is."""

USUAL_SPAN = 1000.0
"""Values are from the lowest part of a contract's range, at most this wide: ranges may be far wider than is usual."""


@dataclass(frozen=True)
class Simulation:
    """What to simulate; the same simulation gives the same messages, byte for byte.

    ``messages`` are spread evenly over ``start <= t < end`` and take the devices in turn. Of all messages, the
    fractions ``duplicate`` repeat an earlier one, ``late`` carry an event time some hours back and ``malformed`` are
    not valid readings.

    Raises:
        TelemetryError: a number is negative, or the sum of the fractions is more than 1.
    """

    stream: Stream
    messages: int
    start: datetime
    end: datetime
    devices: int = 10
    duplicate: float = 0.0
    late: float = 0.0
    malformed: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.devices < 1 or self.messages < 0:
            raise TelemetryError("A simulation needs one device or more, and no negative number of messages.")
        fractions = (self.duplicate, self.late, self.malformed)
        if min(fractions) < 0 or sum(fractions) > 1:
            raise TelemetryError(
                "The rates of duplicate, late and malformed messages lie between 0 and 1, as does their sum."
            )
        if not is_simulated(self.stream):
            raise TelemetryError(
                f"Stream {self.stream.stream} cannot be simulated: simulated devices publish JSON objects of one "
                "reading, with a path or the topic for the device and a named format for the time.",
                "Publish recorded messages: `telemetry replay FILE --stream STREAM`.",
            )


def is_simulated(stream: Stream) -> bool:
    """Whether simulated devices can publish what the stream's file describes."""
    is_one_object = isinstance(stream.encoding, Json) and not (
        stream.where or stream.keyed_lists or stream.decode or stream.readings or stream.device.key
    )
    paths = [field.path for field in stream.fields.values()]
    is_written = all(form in TimeFormat.__members__ for form in stream.event_time.formats[:1])
    return is_one_object and is_written and all(path and not set(path) & set("[]'\"$") for path in paths)


def simulate(simulation: Simulation) -> Iterator[DeviceMessage]:
    """Yield the messages in the order of their moments."""
    stream, chance = simulation.stream, Random(simulation.seed)  # noqa: S311 - no secret
    devices = [_Device(stream, number + 1, simulation.seed) for number in range(simulation.devices)]
    recent: deque[DeviceMessage] = deque(maxlen=100)
    step = (simulation.end - simulation.start) / max(simulation.messages, 1)
    for number in range(simulation.messages):
        device, moment = devices[number % len(devices)], simulation.start + number * step
        draw = chance.random()
        if draw < simulation.duplicate and recent:
            yield chance.choice(recent)._replace(moment=moment)
            continue
        late = draw >= 1 - simulation.late
        event_time = moment - timedelta(hours=chance.uniform(*LATE_HOURS)) if late else moment
        reading = device.reading(event_time, chance)
        if simulation.duplicate <= draw < simulation.duplicate + simulation.malformed:
            fault = chance.choice(FAULTS)
            yield DeviceMessage(device.id, fault(stream, reading, chance), moment)
            continue
        message = DeviceMessage(device.id, encode(reading), moment)
        recent.append(message)
        yield message


def encode(document: object) -> bytes:
    """Compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()


def device_id(number: int) -> str:
    """The id of the simulated device ``number``, counted from 1."""
    return f"device-{number:04d}"


class _Device:
    """One device: its id, and how far its readings are from the average."""

    def __init__(self, stream: Stream, number: int, seed: int) -> None:
        self.id = device_id(number)
        self._stream = stream
        random = Random(f"{seed}/{self.id}")  # noqa: S311 - no secret
        self._offsets = {name: random.uniform(-1, 1) for name in stream.fields}

    def reading(self, event_time: datetime, chance: Random) -> dict[str, Any]:
        stream = self._stream
        document: dict[str, Any] = {}
        if stream.device.path:
            put_at(document, stream.device.path, self.id)
        if stream.event_time.path:
            put_at(document, stream.event_time.path, _format_time(event_time, stream.event_time.formats[0]))
        if stream.message_id:
            put_at(document, stream.message_id.path, f"{chance.getrandbits(128):032x}")
        for place, (name, field) in enumerate(stream.fields.items()):
            # Every other curve is upside down: humidity falls while temperature rises.
            swing = _curve(event_time) * (1 if place % 2 == 0 else -1) + 0.6 * self._offsets[name]
            put_at(document, field.path, self._value(name, field, swing, chance))
        return document

    def _value(self, name: str, field: ContractField, swing: float, chance: Random) -> object:
        if field.type is FieldType.string:
            return f"{name}-{self.id}"
        if field.type is FieldType.boolean:
            return chance.random() < 0.3
        return _number(field, swing + chance.gauss(0, 0.05))


def _curve(moment: datetime) -> float:
    """The course of a day as a number, from -1 at 03:00 to 1 at 15:00."""
    hours = moment.hour + moment.minute / 60 + moment.second / 3600
    return math.sin(2 * math.pi * (hours - 9) / 24)


def _number(field: ContractField, swing: float) -> float | int:
    """A value near the middle of the field's usual range, ``swing`` times 8 % of that range away from it."""
    low, high = field.range or (0.0, 100.0)
    span = min(high - low, USUAL_SPAN)
    value = low + span / 2 + swing * span * 0.08
    if field.type is FieldType.integer:
        return max(math.ceil(low), min(round(value), math.floor(high)))
    decimals = 2 if span >= 1 else 2 - math.floor(math.log10(span or 1))
    return max(low, min(round(value, decimals), high))


def _format_time(moment: datetime, form: str) -> str | float | int:
    """The moment in one of the named formats, to the millisecond."""
    if form == TimeFormat.iso8601:
        return moment.isoformat(timespec="milliseconds")
    milliseconds = round(moment.timestamp() * 1000)
    if form == TimeFormat.epoch_seconds:
        return milliseconds / 1000
    return milliseconds * {TimeFormat.epoch_milliseconds: 1, TimeFormat.epoch_microseconds: 1000}.get(
        TimeFormat(form), 1_000_000
    )


# Malformed payloads. Each makes exactly one row: an array has one item, and no text has a line break.


def _truncated(_: Stream, reading: dict[str, Any], chance: Random) -> bytes:
    text = encode(reading)
    return text[: chance.randrange(1, len(text))]


def _not_json(_: Stream, reading: dict[str, Any], chance: Random) -> bytes:
    return b"sensor restarted, code %d" % chance.randrange(100)


def _without_required_field(stream: Stream, reading: dict[str, Any], chance: Random) -> bytes:
    required = [field.path for field in stream.fields.values() if field.required]
    remove_at(reading, chance.choice([*required, stream.event_time.path]))
    return encode(reading)


def _wrong_type(stream: Stream, reading: dict[str, Any], chance: Random) -> bytes:
    field = chance.choice(list(stream.fields.values()))
    put_at(reading, field.path, 17 if field.type is FieldType.string else "n/a")
    return encode(reading)


def _out_of_range(stream: Stream, reading: dict[str, Any], chance: Random) -> bytes:
    bounded = [(field.path, field.range[1]) for field in stream.fields.values() if field.range]
    if not bounded:
        return _wrong_type(stream, reading, chance)
    path, high = chance.choice(bounded)
    put_at(reading, path, math.ceil(high) + 1000)
    return encode(reading)


def _array(_: Stream, reading: dict[str, Any], chance: Random) -> bytes:
    return encode([chance.randrange(100)])


def _scalar(_: Stream, reading: dict[str, Any], chance: Random) -> bytes:
    return encode(chance.randrange(100))


Fault = Callable[[Stream, dict[str, Any], Random], bytes]
FAULTS: tuple[Fault, ...] = (
    _truncated,
    _not_json,
    _without_required_field,
    _wrong_type,
    _out_of_range,
    _array,
    _scalar,
)
