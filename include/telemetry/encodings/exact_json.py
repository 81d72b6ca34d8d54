"""JSON read and written so that nothing is lost: numbers of any size, and texts that PostgreSQL cannot hold.

A double holds every number of 15 digits exactly and some that are longer; an integer has 64 bits. A number beyond both
is kept as an ``ExactNumber``, with its own digits. PostgreSQL's ``jsonb`` takes no NUL and no lone surrogate (user
guide, "JSON Types") and no number beyond ``numeric``: where a value holds one, ``storable`` puts the value's JSON text
in its place, as ``{"$json": "…"}``.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
ESCAPED: Final = "$json"
"""The name under which a value's JSON text stands, where the value itself cannot be stored."""
NUMERIC_DIGITS: Final = 1000
"""Digits before or after the point that are stored as a number; ``numeric`` holds 16,383 after it."""
_DIGITS: Final = bytes.maketrans(b"123456789.E", b"0000000000e")
_LONG: Final = b"0" * 17
_EXPONENT: Final = b"0e"
_LONG_NUMBER: Final = re.compile(rb"-?[0-9][0-9.]{16,}(?:[eE][+-]?[0-9]+)?|-?[0-9][0-9.]*[eE][+-]?[0-9]+")
"""Each number that has so many digits or an exponent; and what looks like one within a text."""
_NAN: Final = re.compile(
    rb'"(?:[^"\\]|\\.)*"|(?P<sign>-?)(?<![\w.])(?P<word>nan|inf(?:inity)?)(?![\w.])', re.IGNORECASE
)


class ExactNumber:
    """A number that is neither a 64-bit integer nor exactly a double; equal to another of the same value.

    ``value`` is infinite where the exponent is beyond what ``Decimal`` has: then only the text says what it is.
    """

    __slots__ = ("_text", "value")

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            self.value = Decimal(text)
        except InvalidOperation:
            self.value = Decimal("-Infinity" if text.startswith("-") else "Infinity")

    def __float__(self) -> float:
        return float(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactNumber) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"ExactNumber({str(self)!r})"

    def __str__(self) -> str:
        """As JSON writes it; the same for all texts of one value."""
        if not self.value.is_finite():
            return self._text
        sign, digits, exponent = self.value.as_tuple()
        text = "".join(map(str, digits)).lstrip("0")
        stripped = text.rstrip("0")
        power = int(exponent) + len(text) - len(stripped)
        return f"{'-' * sign}{stripped}{f'e{power}' if power else ''}"


def decode(text: bytes, *, allow_nan: bool = False) -> Any:
    """What a JSON text says, each number exactly, in what can be stored; a byte order mark before it is passed.

    A name that an object has twice has its last value (docs/decisions/0021).

    Raises:
        orjson.JSONDecodeError: it is no JSON.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        if not (allow_nan or b"\\u" in text or _has_long_numbers(text)):
            raise
        found = _decode_slowly(text, allow_nan=allow_nan)
        if found is None:
            raise
        return storable(found[0])
    is_exact = not _has_long_numbers(text) or _is_exact(text, document)
    if not is_exact and (found := _decode_slowly(text, allow_nan=False)):
        document = found[0]
    return document if is_exact and not _has_escapes(text) else storable(document)


def decode_plainly(text: bytes) -> Any:
    """What ``decode`` gives, where that takes one step: for nearly all payloads. Else ``None``, also for ``null``."""
    if _has_escapes(text):
        return None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:  # also at a byte order mark
        return None
    return document if not _has_long_numbers(text) or _is_exact(text, document) else None


def _has_escapes(text: bytes) -> bool:
    """Whether it may hold a text or a name that ``storable`` changes."""
    return b"\\u" in text or b"$json" in text


def _is_exact(text: bytes, document: Any) -> bool:
    """Whether all numbers of a JSON text are exactly those of ``document``, which orjson has read.

    They are where orjson writes the same text again, as it does for what most software sends: it writes each number
    in one way only. Otherwise one number after the other is looked at.
    """
    again = _again(document)
    if again == text or again == text.replace(b": ", b":").replace(b", ", b","):  # with and without spaces
        return True
    return all(map(_is_exact_number, _LONG_NUMBER.findall(text)))


def _again(document: Any) -> bytes | None:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # it writes fewer levels than it reads
        return None


def _has_long_numbers(text: bytes) -> bool:
    """Whether a number may have more digits than a double, or an exponent; often none has."""
    digits = text.translate(_DIGITS)
    return _LONG in digits or _EXPONENT in digits


def _is_exact_number(written: bytes) -> bool:
    text = written.decode()
    try:
        number = _integer(text) if text.lstrip("-").isdigit() else _number(text)
    except (ValueError, InvalidOperation):  # it stands in a text, which then is read once more
        return False
    return type(number) is not ExactNumber


def dumps(document: Any) -> bytes:
    """JSON values as text, names in order.

    Raises:
        orjson.JSONEncodeError: they nest more than 254 levels deep, or a text holds a lone surrogate.
    """
    return orjson.dumps(document, default=_fragment, option=orjson.OPT_SORT_KEYS)


def storable(value: Any) -> Any:
    """The value, with what ``jsonb`` cannot hold as its JSON text: ``{"$json": "…"}`` stands for a text with NUL.

    Of an object, the members whose names cannot be stored stand together as one such text. What ``restored`` gives back
    is exactly what was sent: a member that is named ``$json`` is escaped, too. (``dumps`` escapes numbers.)

    Raises:
        RecursionError: it nests too deep.
    """
    if type(value) is str:
        return _escaped(value) if "\0" in value or not _is_unicode(value) else value
    if type(value) is dict:
        kept = {name: storable(item) for name, item in value.items() if not _is_unstorable(name)}
        if len(kept) < len(value):
            kept[ESCAPED] = _text({name: item for name, item in value.items() if _is_unstorable(name)})
        return kept
    if type(value) is list:
        return [storable(item) for item in value]
    if type(value) is float and not math.isfinite(value):
        return _escaped(value)
    return value


def _is_unstorable(name: str) -> bool:
    return name == ESCAPED or "\0" in name or not _is_unicode(name)


def _is_numeric(number: Decimal) -> bool:
    """Whether PostgreSQL's ``numeric`` holds it."""
    _, digits, exponent = number.as_tuple()
    return number.is_finite() and len(digits) + abs(int(exponent)) <= NUMERIC_DIGITS


def _escaped(value: Any) -> dict[str, str]:
    return {ESCAPED: _text(value)}


def restored(value: Any) -> Any:
    """Return the value that ``storable`` was given."""
    if type(value) is list:
        return [restored(item) for item in value]
    if type(value) is not dict:
        return value
    rest = {name: restored(item) for name, item in value.items() if name != ESCAPED}
    escaped = json.loads(value[ESCAPED]) if ESCAPED in value else {}
    return {**rest, **escaped} if type(escaped) is dict else escaped


def _text(value: Any) -> str:
    if type(value) is dict:
        return f"{{{','.join(f'{json.dumps(name)}:{_text(item)}' for name, item in sorted(value.items()))}}}"
    if type(value) is list:
        return f"[{','.join(map(_text, value))}]"
    return str(value) if type(value) is ExactNumber else json.dumps(value)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _fragment(value: Any) -> Any:
    if type(value) is ExactNumber:
        text = str(value)
        return orjson.Fragment(text if _is_numeric(value.value) else orjson.dumps({ESCAPED: text}))
    raise TypeError(f"{type(value)} is no JSON value")


def _decode_slowly(text: bytes, *, allow_nan: bool) -> tuple[Any] | None:
    """Parse with Python's own reader, which accepts lone surrogates; ``None`` if it is not JSON."""

    def refuse(word: str) -> float:
        if not allow_nan:
            raise ValueError(word)
        return float(word)

    try:
        if allow_nan:
            text = _NAN.sub(_constant, text)
        return (json.loads(text.decode(), parse_float=_number, parse_int=_integer, parse_constant=refuse),)
    except (ValueError, RecursionError):
        return None


def _constant(found: re.Match[bytes]) -> bytes:
    if found["word"] is None:
        return found[0]
    return b"NaN" if found["word"][:1] in b"nN" else found["sign"] + b"Infinity"


def nearest(number: Decimal) -> int | float | ExactNumber:
    """A finite number as the simplest value that is exactly it."""
    if number == number.to_integral_value() and -(2**63) <= number < 2**64:
        return int(number)
    double = float(number)
    return double if math.isfinite(double) and Decimal(repr(double)) == number else ExactNumber(str(number))


def _integer(text: str) -> int | float | ExactNumber:
    if len(text) < 19:
        return int(text)
    exact = Decimal(text)
    if -(2**63) <= exact < 2**64:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) and Decimal(number) == exact else ExactNumber(text)


def _number(text: str) -> float | ExactNumber:
    number, exact = float(text), ExactNumber(text)
    return number if math.isfinite(number) and Decimal(repr(number)) == exact.value else exact
