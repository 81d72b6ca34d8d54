"""Short descriptions of streams, for lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from telemetry.contracts.fields import ContractField
from telemetry.contracts.model import Stream
from telemetry.contracts.parts import Condition, Device, EventTime


def describe(stream: Stream) -> dict[str, str]:
    """A row for a listing of streams."""
    return {
        "stream": stream.stream,
        "topic": stream.topic,
        "device": describe_device(stream.device),
        "event_time": describe_time(stream.event_time),
        "encoding": stream.encoding.type,
        "where": "; ".join(map(describe_condition, stream.where)),
        "readings": stream.readings or "",
        "table": stream.table,
        "description": stream.description,
        "settings": "; ".join(describe_settings(stream)),
    }


def describe_fields(stream: Stream) -> list[dict[str, Any]]:
    """A row for each field: its name, type, unit, where its value is, and its other options."""
    return [
        {
            "field": name,
            "type": field.type.value,
            "unit": field.unit,
            "read_from": describe_place(field),
            "required": field.required,
            "options": _options(field),
        }
        for name, field in stream.fields.items()
    ]


def describe_settings(stream: Stream) -> Iterator[str]:
    """What the stream sets for itself, in place of the defaults."""
    for name, section in (
        ("quality", stream.quality),
        ("retention", stream.retention),
        ("schedules", stream.schedules),
    ):
        yield from (f"{name}.{key}: {'null' if value is None else value}" for key, value in section.own().items())


def describe_device(device: Device) -> str:
    """Where the device's id is."""
    if device.constant is not None:
        return f"always {device.constant}"
    if device.levels:
        return f"topic: {'/'.join(device.levels)}"
    return f"key {device.key} of readings" if device.key else str(device.path)


def describe_time(time: EventTime) -> str:
    """Where the event time is, and in which format."""
    if time.is_received:
        return "arrival"
    zone = f", {time.timezone}" if time.timezone else ""
    otherwise = ", else arrival" if time.on_error == "received" else ""
    return f"{time.path} ({' or '.join(time.formats)}{zone}){otherwise}"


def describe_place(field: ContractField) -> str:
    """Where a field's value is."""
    if field.level:
        return f"topic: {field.level}"
    return f"key {field.key} of readings" if field.key else field.path


def describe_condition(condition: Condition) -> str:
    """Which messages it lets pass."""
    if condition.topic:
        return f"topic {condition.topic}"
    place = condition.path or f"topic: {condition.level}"
    if condition.present is not None:
        return f"{place} is {'there' if condition.present else 'not there'}"
    return f"{place} is {' or '.join(map(str, condition.values or ()))}"


SHOWN_APART = frozenset({"type", "path", "key", "level", "unit", "required", "description"})


def _options(field: ContractField) -> str:
    said = field.model_dump(mode="json", exclude_defaults=True)
    return "; ".join(f"{name}: {_plain(value)}" for name, value in said.items() if name not in SHOWN_APART)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if type(value) is float else str(value)
