"""Times as devices write them: formats tried in order, and a time zone for those without an offset."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, WithJsonSchema

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Y2000: Final = datetime(2000, 1, 1, tzinfo=UTC)
SECONDS_TO_2000: Final = 946_684_800
MINUTE: Final = timedelta(minutes=1)

ISO8601: Final = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d)(?:(?P<colon>:?)(?P<minute>\d\d)(?:(?P=colon)(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
    r" ?(?P<offset>Z|[+-]\d\d(?::?\d\d)?)?)",
    re.ASCII | re.IGNORECASE,
)
"""ISO 8601's calendar dates with a time, extended or basic, and RFC 3339's space. No week dates, no dates alone."""


class TimeFormat(StrEnum):
    """The named formats. Any other format is a pattern of ``datetime.strptime``, which holds a ``%``."""

    iso8601 = "iso8601"
    """With an offset, unless the stream names a time zone. A leap second is the second that follows it; 24:00 is the
    next midnight."""
    epoch_seconds = "epoch_seconds"
    epoch_milliseconds = "epoch_milliseconds"
    epoch_microseconds = "epoch_microseconds"
    epoch_nanoseconds = "epoch_nanoseconds"


EPOCH_UNITS: Final = {
    TimeFormat.epoch_seconds: Decimal(1_000_000),
    TimeFormat.epoch_milliseconds: Decimal(1_000),
    TimeFormat.epoch_microseconds: Decimal(1),
    TimeFormat.epoch_nanoseconds: Decimal("0.001"),
}
"""Microseconds of one."""


def _checked_format(text: str) -> str:
    if text in TimeFormat.__members__:
        return text
    if "%" not in text:
        raise ValueError(f"{text!r} is no format: {', '.join(TimeFormat)}, or a pattern such as %d.%m.%Y %H:%M:%S")
    example = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    try:
        datetime.strptime(example.strftime(text), text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no pattern that Python's strptime reads: {error}") from None
    return text


def checked_zone(name: str) -> str:
    """The name of a time zone.

    Raises:
        ValueError: it is none, in words for people.
    """
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{name!r} is no time zone: write one of IANA's names, such as Europe/Berlin or UTC") from None
    return name


OneFormat = Annotated[
    str,
    AfterValidator(_checked_format),
    WithJsonSchema({"anyOf": [{"enum": list(TimeFormat)}, {"type": "string", "pattern": "%"}]}),
]
TimeFormats = OneFormat | Annotated[list[OneFormat], AfterValidator(lambda formats: formats or _no_format())]
TimeZone = Annotated[str, AfterValidator(checked_zone)]

ReadTime = Callable[[Any], datetime]
"""From a text or a number to a moment in UTC. Raises ``ValueError`` with the rest of a sentence: "is no time …"."""


def _no_format() -> list[str]:
    raise ValueError("at least one format")


def formats_of(formats: str | list[str]) -> list[str]:
    """One format or several, as a list."""
    return [formats] if isinstance(formats, str) else formats


def time_reader(formats: str | list[str], timezone: str | None, *, text: bool = False) -> ReadTime:
    """Reads a time in the first of the formats that fits; ``text`` where epochs may be written as texts.

    A time without an offset is one of ``timezone``. Where its clocks are put back and a time comes twice, it is the
    first one; where they are put forward and a time is left out, it is as far after midnight as if they were not
    (PEP 495, ``fold=0``).
    """
    zone = ZoneInfo(timezone) if timezone else None
    readers = [_reader(form, zone, text) for form in formats_of(formats)]
    if len(readers) == 1:
        return readers[0]

    def read(value: Any) -> datetime:
        for reader in readers:
            try:
                return reader(value)
            except (ValueError, OverflowError):
                continue
        raise ValueError(f"is no time in any of the formats {', '.join(formats_of(formats))}")

    return read


def _reader(form: str, zone: tzinfo | None, text: bool) -> ReadTime:
    if form == TimeFormat.iso8601:
        return lambda value: _iso8601(value, zone)
    if form == TimeFormat.epoch_seconds and not text:
        return _epoch_seconds
    if form in TimeFormat.__members__:
        return lambda value: _epoch(value, TimeFormat(form), text)
    return lambda value: _pattern(value, form, zone)


def _iso8601(value: Any, zone: tzinfo | None) -> datetime:
    found = ISO8601.fullmatch(value) if type(value) is str else None
    if found is None:
        raise ValueError("is no time in iso8601")
    year, month, day, hour, minute, second = (
        int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    microseconds = int((found["fraction"] or "0")[:6].ljust(6, "0"))
    beyond = timedelta(0)
    if second == 60:  # a leap second
        second, beyond = 59, timedelta(seconds=1)
    if hour == 24 and minute == second == microseconds == 0:
        hour, beyond = 0, beyond + timedelta(days=1)
    moment = datetime(year, month, day, hour, minute, second, microseconds) + beyond
    return _to_utc(moment, found["offset"], zone)


def _to_utc(moment: datetime, offset: str | None, zone: tzinfo | None) -> datetime:
    if offset is None:
        if zone is None:
            raise ValueError("has no offset, which is ambiguous, and the stream names no timezone")
        return moment.replace(tzinfo=zone).astimezone(UTC)
    if offset in "Zz":
        return moment.replace(tzinfo=UTC)
    hours, minutes = int(offset[1:3]), int(offset[3:].removeprefix(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"has the offset {offset}, which is none")
    distance = timedelta(hours=hours, minutes=minutes)
    return (moment + distance if offset[0] == "-" else moment - distance).replace(tzinfo=UTC)


def _epoch_seconds(value: Any) -> datetime:
    """From 2000, as PostgreSQL counts: the same microsecond as its to_timestamp(value) however it rounds."""
    if type(value) is not float and type(value) is not int:
        raise ValueError(f"is no number, as {TimeFormat.epoch_seconds} needs one")
    return Y2000 + timedelta(microseconds=round((value - SECONDS_TO_2000) * 1_000_000))


def _epoch(value: Any, form: TimeFormat, text: bool) -> datetime:
    if form is TimeFormat.epoch_seconds and type(value) is not str:
        return _epoch_seconds(value)
    if type(value) is str and text:
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            raise ValueError(f"is no number, as {form} needs one") from None
        if not value.is_finite():
            raise ValueError(f"is no time in {form}")
    elif type(value) not in (int, float):
        raise ValueError(f"is no number, as {form} needs one")
    if form is TimeFormat.epoch_milliseconds and type(value) is not Decimal:
        return EPOCH + timedelta(milliseconds=value)
    return EPOCH + timedelta(microseconds=round(Decimal(value) * EPOCH_UNITS[form]))


def _pattern(value: Any, form: str, zone: tzinfo | None) -> datetime:
    if type(value) is not str:
        raise ValueError(f"is no text, as {form} needs one")
    try:
        moment = datetime.strptime(value.strip(), form)
    except ValueError:
        raise ValueError(f"is no time like {form}") from None
    if moment.tzinfo is None:
        return _to_utc(moment, None, zone)
    return moment.astimezone(UTC)
