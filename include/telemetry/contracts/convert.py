"""Convert a payload's value to a column's value: strictly, unless the field's options allow more."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from telemetry.contracts.fields import ContractField, FieldType
from telemetry.contracts.parts import EventTime
from telemetry.contracts.reasons import Reason, Rejected, json_name
from telemetry.contracts.times import EPOCH, EPOCH_UNITS, TimeFormat, formats_of, time_reader
from telemetry.encodings.exact_json import ESCAPED, ExactNumber, dumps, nearest

Convert = Callable[[Any], Any]
"""Takes a value other than null. Raises ``Rejected`` where it does not fit."""

BIGINT = (-(2**63), 2**63 - 1)
DOUBLE = (-sys.float_info.max, sys.float_info.max)
RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)", re.ASCII | re.IGNORECASE
)
"""What Python reads faster than ``times``, and as the standards say."""
DEVICE_ID_MAX = 256
"""Characters. The device is part of the table's key, and PostgreSQL's index entries hold 2,704 bytes."""
TRUE, FALSE = frozenset({"true", "on", "yes", "1"}), frozenset({"false", "off", "no", "0"})
"""Booleans as devices write them in texts, in any case."""


def field_converter(name: str, field: ContractField) -> Convert:
    """The conversion of one of the contract's fields."""
    base = _base_converter(name, field)
    if field.one_of is not None:
        base = _one_of(name, field.one_of, base)
    return base


def is_null(field: ContractField) -> Callable[[Any], bool]:
    """Whether a value means null: one of ``null_values``, of the same JSON type."""
    nulls = {(_kind(value), value) for value in field.null_values}
    return lambda value: type(value) not in (dict, list) and (_kind(value), value) in nulls


def device_converter() -> Convert:
    """The conversion of the device's id: a text of 1 to ``DEVICE_ID_MAX`` characters, or an integer as such a text."""
    string = _string("device_id", accept_numbers=False)

    def convert(value: Any) -> str:
        device_id: str = string(str(value) if type(value) is int else value)
        if not 0 < len(device_id) <= DEVICE_ID_MAX:
            detail = f"device_id has {len(device_id)} characters, not 1 to {DEVICE_ID_MAX}"
            raise Rejected(Reason.out_of_range, detail)
        return device_id

    return convert


def time_converter(event_time: EventTime) -> Convert:
    """The conversion of the event time to UTC, to the nearest microsecond (ISO 8601: further digits are dropped)."""
    formats, earliest = event_time.formats, event_time.earliest or EPOCH
    read = time_reader(formats, event_time.timezone, text="text" in event_time.accept)
    convert = _time("event_time", read, earliest, formats, text="text" in event_time.accept)
    return _rfc3339(earliest, convert) if formats == [TimeFormat.iso8601] else convert


def _base_converter(name: str, field: ContractField) -> Convert:
    match field.type:
        case FieldType.string:
            return _string(name, accept_numbers="number" in field.accept)
        case FieldType.boolean:
            return _boolean(name, field)
        case FieldType.double:
            return _number(name, field, _double(name, field.range or DOUBLE))
        case FieldType.integer:
            low, high = field.range or BIGINT
            return _number(name, field, _integer(name, max(low, BIGINT[0]), min(high, BIGINT[1])))
        case FieldType.timestamp:
            text, formats = "text" in field.accept, formats_of(field.format or [])
            read = time_reader(formats, field.timezone, text=text)
            return _time(name, read, datetime.min.replace(tzinfo=UTC), formats, text=text)
        case FieldType.json:
            return _json


def _time(name: str, read: Convert, earliest: datetime, formats: list[str], *, text: bool) -> Convert:
    epochs = [form for form in formats if form in EPOCH_UNITS]
    types: set[type] = set()
    types |= {int, float, ExactNumber} if epochs else set()
    types |= {str} if text or len(epochs) < len(formats) else set()

    def convert(value: Any) -> datetime:
        if type(value) not in types and not _is_escaped(value):
            raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not {' or '.join(formats)}")
        try:
            time: datetime = read(float(value) if type(value) is ExactNumber else value)
        except (ValueError, TypeError, OverflowError, OSError) as error:
            said = str(error) if str(error).startswith(("is ", "has ")) else "is no time that can be stored"
            raise Rejected(Reason.bad_timestamp, f"{name} {said}") from None
        if time < earliest:
            raise Rejected(Reason.bad_timestamp, f"{name} is before {earliest:%Y-%m-%d}")
        return time

    return convert


def _rfc3339(earliest: datetime, convert: Convert) -> Convert:
    """Python's own reader first, which is faster and gives the same."""

    def convert_quickly(value: Any) -> datetime:
        if type(value) is str and RFC3339.fullmatch(value):
            try:
                time = datetime.fromisoformat(value.upper())
                moment = time if time.tzinfo is UTC else time.astimezone(UTC)
            except (ValueError, OverflowError):
                pass
            else:
                if moment >= earliest:
                    return moment
        converted: datetime = convert(value)
        return converted

    return convert_quickly


def _is_escaped(value: Any) -> bool:
    """Whether it stands for a text that cannot be stored."""
    return type(value) is dict and value.keys() == {ESCAPED}


def _string(name: str, *, accept_numbers: bool) -> Convert:
    def convert(value: Any) -> str:
        if accept_numbers and type(value) in (int, float, ExactNumber):
            return str(value) if type(value) is not float else repr(value).removesuffix(".0")
        if type(value) is str:
            return value
        if _is_escaped(value):
            raise Rejected(Reason.unstorable_text, f"{name} holds a NUL character or half of a surrogate pair")
        raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not a string")

    return convert


def _boolean(name: str, field: ContractField) -> Convert:
    true, false = ({(_kind(v), v) for v in values} for values in (field.true_values, field.false_values))
    texts, numbers = "text" in field.accept, "number" in field.accept

    def convert(value: Any) -> bool:
        if type(value) is bool:
            return value
        if type(value) not in (dict, list):
            if (_kind(value), value) in true:
                return True
            if (_kind(value), value) in false:
                return False
        if numbers and type(value) in (int, float) and value in (0, 1):
            return bool(value)
        if texts and type(value) is str and (word := value.strip().lower()) in TRUE | FALSE:
            return word in TRUE
        raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not a boolean")

    return convert


def _number(name: str, field: ContractField, check: Convert) -> Convert:
    """The value in the field's own unit, before ``check`` looks at its bounds."""
    if not (field.accept or field.decimal != "." or (field.scale, field.offset) != (None, None)):
        return check
    is_scaled = field.scale is not None or field.offset is not None
    scale = _fraction(1 if field.scale is None else field.scale)
    offset = _fraction(0 if field.offset is None else field.offset)
    texts = "text" in field.accept or field.decimal != "."

    def convert(value: Any) -> Any:
        if texts and type(value) is str:
            value = _parsed(name, value, field.decimal)
        if type(value) not in (int, float, ExactNumber):
            raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not a number")
        return check(_scaled(value, scale, offset) if is_scaled else value)

    return convert


def _fraction(number: float | str) -> Fraction:
    return Fraction(number if isinstance(number, str) else Decimal(repr(number)))


def _scaled(value: Any, scale: Fraction, offset: Fraction) -> float:
    exact = value.value if type(value) is ExactNumber else Decimal(repr(value))
    try:
        return float(Fraction(exact) * scale + offset)
    except (ValueError, OverflowError):  # no finite number, before or after
        return math.inf


def _parsed(name: str, text: str, decimal: str) -> int | float | ExactNumber:
    """The number that a text writes; thousands are not separated."""
    written = text.strip().replace(decimal, ".") if decimal != "." else text.strip()
    try:
        number = Decimal(written)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or "_" in written or len(written) > 400:
        raise Rejected(Reason.wrong_type, f"{name} is a text that is no number")
    return nearest(number)


def _double(name: str, bounds: tuple[float, float]) -> Convert:
    low, high = bounds

    def convert(value: Any) -> float:
        if type(value) is not float and type(value) is not int:
            if type(value) is not ExactNumber:
                raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not a number")
            value = float(value)
        if not low <= value <= high:
            raise Rejected(Reason.out_of_range, f"{name} is {value}, not within {low:g} to {high:g}")
        number: float = value if type(value) is float else float(value)
        return number

    return convert


def _integer(name: str, low: float, high: float) -> Convert:
    def convert(value: Any) -> int:
        if type(value) is not int:
            if type(value) is float and value.is_integer():
                return convert(int(value))
            if type(value) is ExactNumber and value.value == value.value.to_integral_value():
                raise Rejected(Reason.out_of_range, f"{name} is {value}, not within {low:g} to {high:g}")
            raise Rejected(Reason.wrong_type, f"{name} is {json_name(value)}, not an integer")
        if not low <= value <= high:
            raise Rejected(Reason.out_of_range, f"{name} is {value}, not within {low:g} to {high:g}")
        return value

    return convert


def _json(value: Any) -> str:
    """As text: what ``jsonb`` and a Parquet file take."""
    return dumps(value).decode()


def _one_of(name: str, values: tuple[Any, ...], convert: Convert) -> Convert:
    def check(value: Any) -> Any:
        converted = convert(value)
        if converted not in values:
            raise Rejected(Reason.not_one_of, f"{name} is none of the {len(values)} values that it may have")
        return converted

    return check


def _kind(value: Any) -> str:
    """Booleans are no numbers, but 1 and 1.0 are the same one."""
    return "number" if type(value) in (int, float, ExactNumber) else type(value).__name__
