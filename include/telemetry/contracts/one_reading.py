"""Read one reading: its device, its time, its fields, its id, and the rest for ``extra``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from telemetry.contracts import topics
from telemetry.contracts.convert import Convert, device_converter, field_converter, is_null, time_converter
from telemetry.contracts.identity import BETWEEN, canonical, identity_of_message, identity_of_values, leaves
from telemetry.contracts.json_path import Path, Step, parse_path
from telemetry.contracts.model import Stream
from telemetry.contracts.places import Found, copied_along, drop_empty, look_up, take_out
from telemetry.contracts.prepare import Prepare
from telemetry.contracts.reasons import Reason, Rejected, json_name
from telemetry.contracts.validate import Reading
from telemetry.encodings.exact_json import dumps

SURROUNDINGS = "$"
"""Under this name ``extra`` has what a payload says beside its readings, and a reading that is no object."""


class Source(NamedTuple):
    """The payload of a reading, the named levels of its topic, and how it came."""

    payload: Any
    levels: dict[str, str]
    topic: str | None
    received_at: datetime | None
    latest: datetime


class _Place(NamedTuple):
    """Where a value is: at a path, at a key of the readings, or in levels of the topic."""

    path: Path | None = None
    key: int | None = None
    levels: tuple[str, ...] = ()

    def value(self, found: Found, source: Source) -> Any:
        """The value; ``None`` where there is none."""
        if self.path is not None:
            return look_up(source.payload if self.path.absolute else found.value, self.path.steps)
        if self.key is not None:
            return found.keys[self.key - 1]
        parts = [source.levels.get(level) for level in self.levels]
        return "/".join(part for part in parts if part is not None) if None not in parts else None


def compile_reading(stream: Stream, prepare: Prepare) -> Callable[[Found, Source], Reading]:
    """Reads one reading; raises ``Rejected`` where it is none. The found value is used up."""
    read_device, read_time, read_id = _device_reader(stream), _time_reader(stream), _message_id_reader(stream)
    read_fields, say = _fields_reader(stream), _speaker(stream)
    device, time = _paths([stream.device.path]), _paths([stream.event_time.path])
    paths = [*device, *time, *_paths(field.path for field in stream.fields.values())]
    absolute = [_beside(path) for path in paths if path.absolute and stream.readings is not None]

    needs_object = _needs_object(stream)

    def read(found: Found, source: Source) -> Reading:
        if needs_object and type(found.value) is not dict:
            raise Rejected(Reason.not_object, f"the payload is {json_name(found.value)}, not an object")
        for steps in absolute:
            found = found._replace(surroundings=copied_along(found.surroundings, steps))
        reading_id = read_id(found, source)
        device_id, event_time, dated = read_device(found, source), *read_time(found, source)
        for path in (*device, *(time if dated else ())):
            _take_out(found, source, path)
        said = {} if reading_id else say(found, source)
        prepare(found.value)
        values, nulled, is_used_up = read_fields(found, source)
        if event_time > source.latest:
            raise Rejected(Reason.future_timestamp, f"event_time is after {source.latest:%Y-%m-%dT%H:%M:%SZ}")
        for path in paths:
            holder, steps = _where(found, source, path)
            drop_empty(holder, steps[:-1])
        try:
            return Reading(
                device_id,
                event_time,
                reading_id or identity_of_values(device_id, event_time, said),
                values,
                _extra(found, is_used_up=is_used_up),
                nulled,
            )
        except orjson.JSONEncodeError:  # it stops at 254 levels, its reader at 1,024
            raise Rejected(Reason.too_deep, "fields that the contract does not name nest too deep") from None

    return read


def _needs_object(stream: Stream) -> bool:
    """Whether there are paths into the reading, and all of them begin with a name."""
    texts = [stream.device.path, stream.event_time.path, *(field.path for field in stream.fields.values())]
    inside = [path for path in _paths(texts) if not path.absolute or stream.readings is None]
    return bool(inside) and all(path.steps and type(path.steps[0]) is str for path in inside)


def _paths(texts: Any) -> list[Path]:
    return [parse_path(text) for text in texts if text]


def _where(found: Found, source: Source, path: Path) -> tuple[Any, tuple[Step, ...]]:
    """The reading or what stands beside it, and the way in it."""
    if path.absolute and found.value is not source.payload:
        return found.surroundings, _beside(path)
    return found.value, path.steps


def _beside(path: Path) -> tuple[Step, ...]:
    """The way in ``surroundings``, where an item stands under its number as a text."""
    return tuple(map(str, path.steps))


def _take_out(found: Found, source: Source, path: Path) -> None:
    take_out(*_where(found, source, path))


def _device_reader(stream: Stream) -> Callable[[Found, Source], str]:
    device, convert = stream.device, device_converter()
    place = _Place(parse_path(device.path) if device.path else None, device.key, device.levels)
    is_compared = topics.DEVICE in stream.level_numbers and not stream.gateway and not device.levels

    def read(found: Found, source: Source) -> str:
        value = device.constant or place.value(found, source)
        if value is None:
            where = f": it is in the topic, which {'is not known' if source.topic is None else 'does not fit'}"
            raise Rejected(Reason.missing_field, f"device_id is missing{where if device.levels else ''}")
        device_id: str = convert(value)
        if is_compared and source.levels and source.levels[topics.DEVICE] != device_id:
            raise Rejected(Reason.wrong_device, "the payload names another device than the topic")
        return device_id

    return read


def _time_reader(stream: Stream) -> Callable[[Found, Source], tuple[datetime, bool]]:
    """The event time, and whether it is the payload's."""
    event_time = stream.event_time
    place, convert = _Place(parse_path(event_time.path) if event_time.path else None), time_converter(event_time)

    def read(found: Found, source: Source) -> tuple[datetime, bool]:
        if event_time.path:
            value = place.value(found, source)
            try:
                if value is None:
                    raise Rejected(Reason.missing_field, "event_time is missing")
                time: datetime = convert(value)
                return time, True
            except Rejected:
                if event_time.on_error == "reject":
                    raise
        if source.received_at is None:
            raise Rejected(Reason.missing_field, "event_time is missing: the message's arrival is not known")
        return source.received_at, False

    return read


def _message_id_reader(stream: Stream) -> Callable[[Found, Source], str | None]:
    """The reading id from the message's own, which stays where it is: the key holds a hash of it only."""
    path = parse_path(stream.message_id.path) if stream.message_id else None

    def read(found: Found, source: Source) -> str | None:
        if path is None:
            return None
        value = look_up(source.payload if path.absolute else found.value, path.steps)
        if value is None:
            raise Rejected(Reason.missing_field, "message_id is missing")
        if type(value) not in (str, int):
            raise Rejected(Reason.wrong_type, f"message_id is {json_name(value)}, not a string or an integer")
        return identity_of_message(stream.stream, value)

    return read


def _fields_reader(stream: Stream) -> Callable[[Found, Source], tuple[tuple[Any, ...], int, bool]]:
    """The values in order, how many did not fit and are null, and whether a field reads the whole of the reading.

    What fields read is taken out.
    """
    takes = [
        (
            name,
            _Place(parse_path(field.path) if field.path else None, field.key, (field.level,) if field.level else ()),
            is_null(field),
            field_converter(name, field),
            field,
        )
        for name, field in stream.fields.items()
    ]

    def read(found: Found, source: Source) -> tuple[tuple[Any, ...], int, bool]:
        nulled = 0
        values: list[Any] = []
        used: list[Path] = []
        for name, place, null, convert, field in takes:
            value, kept = place.value(found, source), False
            if value is not None and null(value):
                value = None
            elif value is not None:
                value, kept = _converted(value, convert, is_nulled=field.on_error == "null")
                nulled += kept
            if value is None and field.required:
                raise Rejected(Reason.missing_field, f"{name} is missing")
            if place.path is not None and not kept:
                used.append(place.path)
            values.append(value)
        for path in used:
            _take_out(found, source, path)
        return tuple(values), nulled, any(not path.steps for path in used)

    return read


def _converted(value: Any, convert: Convert, *, is_nulled: bool) -> tuple[Any, bool]:
    """The column's value, and whether the payload's stays in ``extra`` because it did not fit."""
    try:
        return convert(value), False
    except Rejected:
        if not is_nulled:
            raise
        return None, True


def _speaker(stream: Stream) -> Callable[[Found, Source], dict[str, Any]]:
    """All that is said of a reading but its device and its time, by its paths: its identity is made of that."""
    device_levels = {*stream.device.levels, topics.DEVICE}
    levels = [name for name in stream.level_numbers if name not in device_levels]

    def say(found: Found, source: Source) -> dict[str, Any]:
        said = leaves(found.value) if type(found.value) is dict else {SURROUNDINGS: canonical(found.value)}
        if found.surroundings:
            said |= leaves(found.surroundings, f"{SURROUNDINGS}{BETWEEN}")
        for number, key in enumerate(found.keys, 1):
            if type(key) is str and number != stream.device.key:
                said[f"#{BETWEEN}{number}"] = key
        return said | {f"/{BETWEEN}{name}": source.levels[name] for name in levels if name in source.levels}

    return say


def _extra(found: Found, *, is_used_up: bool) -> str | None:
    rest: dict[str, Any] = {}
    if not is_used_up and found.value is not None:
        rest = found.value if type(found.value) is dict else {SURROUNDINGS: found.value}
    if found.surroundings:
        name = SURROUNDINGS
        while name in rest:
            name += SURROUNDINGS
        rest = {**rest, name: found.surroundings}
    return dumps(rest).decode() if rest else None
