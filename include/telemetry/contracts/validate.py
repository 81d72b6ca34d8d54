"""A plain stream's contract as a function: from one decoded payload to a reading, or to the reason why it is none.

``Stream.is_plain`` says which streams are. All others, and payloads with values that only ``exact`` reads, go the way
of ``reader``, which gives the same where both can read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import orjson

from telemetry.contracts.convert import Convert, device_converter, field_converter, time_converter
from telemetry.contracts.identity import BETWEEN, canonical, identity_of_message, identity_of_values, leaves
from telemetry.contracts.model import FieldType, Stream
from telemetry.contracts.nested_paths import NestedPaths, Payload
from telemetry.contracts.reasons import Reason, Reject, Rejected, json_name


class Reading(NamedTuple):
    """One device's measurement at one event time: a row of the stream's table.

    ``reading_id`` is a UUID as 32 hexadecimal digits, ``values`` are in the contract's order, ``extra`` is the JSON
    text of what the contract does not name. ``nulled`` is how many of its values did not fit and became null.
    """

    device_id: str
    event_time: datetime
    reading_id: str
    values: tuple[Any, ...]
    extra: str | None
    nulled: int = 0


Outcome = Reading | Reject


class Validate(Protocol):
    """A contract's check. It raises nothing."""

    def __call__(self, payload: Any, latest: datetime) -> Outcome:
        """Takes a payload as ``orjson`` decodes it, and uses it up; and the latest event time that it can have."""


def compile_contract(stream: Stream) -> Validate:
    """The contract's check, made once for many payloads."""
    columns: dict[str, tuple[str, bool, Convert]] = {
        "device_id": (stream.device.path or "", True, device_converter()),
        "event_time": (stream.event_time.path, True, time_converter(stream.event_time)),
        **{name: (field.path, field.required, field_converter(name, field)) for name, field in stream.fields.items()},
    }
    message_id = stream.message_id.path if stream.message_id else None
    holders = NestedPaths([*(path for path, _, _ in columns.values()), *filter(None, [message_id])])
    takes = [(name, *holders.of(path), required, convert) for name, (path, required, convert) in columns.items()]
    own_id = _message_id_reader(stream.stream, *holders.of(message_id)) if message_id else None
    id_of_values = _values_identifier(stream)

    def validate(payload: Any, latest: datetime) -> Outcome:
        if type(payload) is not dict:
            return Reject(Reason.not_object, f"the payload is {json_name(payload)}, not an object")
        try:
            found = holders.find(payload)
            reading_id = own_id(found) if own_id else None
            taken: list[Any] = []
            for name, holder, key, required, convert in takes:
                value = found[holder].pop(key, None)
                if value is not None:
                    value = convert(value)
                elif required:
                    raise Rejected(Reason.missing_field, f"{name} is missing")
                taken.append(value)
            device_id, event_time, *values = taken
            if event_time > latest:
                raise Rejected(Reason.future_timestamp, f"event_time is after {latest:%Y-%m-%dT%H:%M:%SZ}")
            holders.drop_empty(found)
            extra = _as_text(payload) if payload else None
            reading_id = reading_id or id_of_values(device_id, event_time, values, payload)
        except Rejected as rejected:
            return rejected.reject
        return Reading(device_id, event_time, reading_id, tuple(values), extra)

    return validate


def _message_id_reader(stream: str, holder: int, key: str) -> Callable[[list[Payload]], str]:
    """Reads the message's own id and leaves it where it is: the key holds a hash of it only."""

    def read(found: list[Payload]) -> str:
        value = found[holder].get(key)
        if value is None:
            raise Rejected(Reason.missing_field, "message_id is missing")
        if type(value) not in (str, int):
            raise Rejected(Reason.wrong_type, f"message_id is {json_name(value)}, not a string or an integer")
        return identity_of_message(stream, value)

    return read


def _values_identifier(stream: Stream) -> Callable[[str, datetime, list[Any], Payload], str]:
    paths = [field.path.replace(".", BETWEEN) for field in stream.fields.values()]
    integers = [
        path for path, field in zip(paths, stream.fields.values(), strict=True) if field.type is FieldType.integer
    ]

    def identify(device_id: str, event_time: datetime, values: list[Any], extra: Payload) -> str:
        said = dict(zip(paths, values, strict=True))
        if None in values:
            said = {path: value for path, value in said.items() if value is not None}
        for path in integers:
            if path in said:
                said[path] = canonical(said[path])
        if extra:
            said |= leaves(extra)
        try:
            return identity_of_values(device_id, event_time, said)
        except orjson.JSONEncodeError:  # an array may be a level deeper here than in its own text
            raise _too_deep() from None

    return identify


def _as_text(extra: Payload) -> str:
    try:
        text = orjson.dumps(extra, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # it stops at 254 levels, its reader at 1,024
        raise _too_deep() from None
    return text.decode()


def _too_deep() -> Rejected:
    return Rejected(Reason.too_deep, "fields that the contract does not name nest too deep")
