"""From a JSON value to a column's value, strictly: a text is never read as a number, nor a number as a truth."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from telemetry.contracts.model import ContractField, FieldType, TimeFormat
from telemetry.contracts.reasons import Reason, Rejected, json_name

Convert = Callable[[Any], Any]
"""Takes a value other than null. Raises ``Rejected`` where it does not fit."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Y2000 = datetime(2000, 1, 1, tzinfo=UTC)
SECONDS_TO_2000 = 946_684_800
BIGINT = (-(2**63), 2**63 - 1)
DOUBLE = (-sys.float_info.max, sys.float_info.max)
RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)", re.ASCII | re.IGNORECASE
)
"""With what ISO 8601 allows beside it. Python takes more: any character between date and time, anything after a NUL,
week dates, and from 3.13 on an hour 24."""
DEVICE_ID_MAX = 256
"""Characters. The device is part of the table's key, and PostgreSQL's index entries hold 2,704 bytes."""


def field_converter(name: str, field: ContractField) -> Convert:
    """The conversion of one of the contract's fields."""
    match field.type:
        case FieldType.string:
            return _string(name)
        case FieldType.boolean:
            return _boolean(name)
        case FieldType.double:
            return _double(name, field.range or DOUBLE)
        case FieldType.integer:
            low, high = field.range or BIGINT
            return _integer(name, max(low, BIGINT[0]), min(high, BIGINT[1]))


def device_converter() -> Convert:
    """The conversion of the device's id: a text of 1 to ``DEVICE_ID_MAX`` characters."""
    string = _string("device_id")

    def convert(value: Any) -> str:
        device_id: str = string(value)
        if not 0 < len(device_id) <= DEVICE_ID_MAX:
            detail = f"device_id has {len(device_id)} characters, not 1 to {DEVICE_ID_MAX}"
            raise Rejected(Reason.out_of_range, detail)
        return device_id

    return convert


def time_converter(form: TimeFormat) -> Convert:
    """The conversion of the event time to UTC, to the nearest microsecond (ISO 8601: further digits are dropped)."""
    match form:
        case TimeFormat.iso8601:
            return _time(form, _from_iso8601, {str})
        case TimeFormat.epoch_seconds:
            return _time(form, _from_epoch_seconds, {float, int})
        case TimeFormat.epoch_milliseconds:
            return _time(form, _from_epoch_milliseconds, {float, int})


def _from_iso8601(value: Any) -> datetime:
    if not RFC3339.fullmatch(value):
        raise ValueError("no time, or one without an offset, which is ambiguous")
    return datetime.fromisoformat(value.upper()).astimezone(UTC)


def _from_epoch_seconds(value: Any) -> datetime:
    """Counts from 2000, as PostgreSQL does: the same microsecond as its ``to_timestamp(value)`` however it rounds."""
    return Y2000 + timedelta(microseconds=round((value - SECONDS_TO_2000) * 1_000_000))


def _from_epoch_milliseconds(value: Any) -> datetime:
    return EPOCH + timedelta(milliseconds=value)


def _time(form: TimeFormat, read: Callable[[Any], datetime], types: set[type]) -> Convert:
    def convert(value: Any) -> datetime:
        if type(value) not in types:
            raise Rejected(Reason.wrong_type, f"event_time is {json_name(value)}, not {form}")
        try:
            time = read(value)
        except (ValueError, OverflowError, OSError):
            raise Rejected(Reason.bad_timestamp, f"event_time is no time in {form} with an offset") from None
        if time < EPOCH:
            raise Rejected(Reason.bad_timestamp, "event_time is before 1970")
        return time

    return convert


def _string(name: str) -> Convert:
    def convert(value: Any) -> str:
        if type(value) is not str:
            raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not a string")
        if "\0" in value:
            raise Rejected(Reason.unstorable_text, f"{name} holds a NUL character")
        return value

    return convert


def _boolean(name: str) -> Convert:
    def convert(value: Any) -> bool:
        if type(value) is not bool:
            raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not a boolean")
        return value

    return convert


def _double(name: str, bounds: tuple[float, float]) -> Convert:
    low, high = bounds

    def convert(value: Any) -> float:
        if type(value) not in (float, int):
            raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not a number")
        if not low <= value <= high:
            raise Rejected(Reason.out_of_range, f"{name} is {value}, not within {low:g} to {high:g}")
        return float(value)

    return convert


def _integer(name: str, low: float, high: float) -> Convert:
    def convert(value: Any) -> int:
        if type(value) is not int:
            raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not an integer")
        if not low <= value <= high:
            raise Rejected(Reason.out_of_range, f"{name} is {value}, not within {low:g} to {high:g}")
        return value

    return convert
