"""Guess which value is the event time, and its formats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from telemetry.contracts.json_path import Path
from telemetry.contracts.times import ISO8601, TimeFormat
from telemetry.streams.inference.leaves import Columns
from telemetry.streams.inference.names import words

PATTERNS = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%d %b %Y %H:%M:%S",
)
"""What devices write besides ISO 8601. Of two that fit all values the first one is taken."""
MAGNITUDES = (
    (1e9, 4.2e9, TimeFormat.epoch_seconds),
    (1e12, 4.2e12, TimeFormat.epoch_milliseconds),
    (1e15, 4.2e15, TimeFormat.epoch_microseconds),
    (1e18, 4.2e18, TimeFormat.epoch_nanoseconds),
)
"""From 2001 to 2103."""
CLOCK_NOT_SET = 946_684_800.0
"""2000: a smaller number where others are epoch seconds is what a clock says that was never set."""
PRIMARY = re.compile(r"(time|timestamp|time_?stamp|ts|tst|t|at|date_?time|zeit|zeitstempel|event_?time|measured_at)")
RELATED = re.compile(r"((utc|date|when|epoch)|.*(_at|_ts|_time|time|timestamp|date|zeit))(_?(s|ms|us|ns|utc))?")
NUMERIC = re.compile(r"\s*\d{1,19}(\.\d+)?\s*", re.ASCII)
FORMATS_MAX = 3
NEAR = timedelta(days=1)


class TimeField(NamedTuple):
    """Values that are times: the formats that read them, in order, and what the options are to be."""

    formats: tuple[str, ...]
    accepts_text: bool
    is_local: bool
    """Whether some have no offset."""
    fitting: int


def formats_of_value(value: Any) -> tuple[str, ...]:
    """The formats that a value may be written in; epochs are known by their magnitude."""
    if type(value) in (int, float):
        return _epoch(float(value))
    if type(value) is not str:
        return ()
    if NUMERIC.fullmatch(value):
        return _epoch(float(value))
    if ISO8601.fullmatch(value):
        return (TimeFormat.iso8601.value,)
    return _patterns(value)


@lru_cache(4096)
def _patterns(text: str) -> tuple[str, ...]:
    return tuple(pattern for pattern in PATTERNS if _reads(pattern, text))


def _reads(pattern: str, text: str) -> bool:
    try:
        datetime.strptime(text.strip(), pattern)
    except ValueError:
        return False
    return True


def _epoch(number: float) -> tuple[str, ...]:
    return tuple(form.value for low, high, form in MAGNITUDES if low <= number < high)


def is_time(text: Any) -> bool:
    """Whether a text is a time that is no mere number."""
    return type(text) is str and not NUMERIC.fullmatch(text) and bool(formats_of_value(text))


def name_score(path: Path) -> int:
    """How much a name says that its value is the event time: 2 that it is, 1 that it is a time, 0 nothing."""
    name = words(str(path.steps[-1])) if path.steps else ""
    if PRIMARY.fullmatch(re.sub(r"_?(ms|us|ns|utc)$", "", name)):
        return 2
    return 1 if RELATED.fullmatch(name) and "uptime" not in name else 0


def as_times(values: Sequence[Any]) -> TimeField | None:
    """The formats that read most of the values, each by most of what those before leave; ``None`` if none reads any."""
    left = [(value, formats_of_value(value)) for value in values]
    chosen: list[str] = []
    fitting: list[Any] = []
    while len(chosen) < FORMATS_MAX:
        counts: dict[str, int] = {}
        for _, formats in left:
            for form in formats:
                counts[form] = counts.get(form, 0) + 1
        if not counts:
            break
        best = max(counts, key=lambda form: counts[form])
        chosen.append(best)
        fitting += [value for value, formats in left if best in formats]
        left = [(value, formats) for value, formats in left if best not in formats]
    if not chosen:
        return None
    texts = any(type(value) is str and NUMERIC.fullmatch(value) for value in fitting)
    local = any(is_local(value) for value in fitting)
    return TimeField(tuple(chosen), texts, local, len(fitting))


def is_local(value: Any) -> bool:
    """Whether it is a time without an offset."""
    if not is_time(value):
        return False
    found = ISO8601.fullmatch(value)
    return found["offset"] is None if found else not any(pattern.endswith("%z") for pattern in _patterns(value))


def local_time(value: str) -> datetime | None:
    """What the clock showed that wrote a time without an offset."""
    found = ISO8601.fullmatch(value)
    try:
        if found:
            return datetime.fromisoformat(value.strip().replace(",", ".")).replace(tzinfo=None)
        return datetime.strptime(value.strip(), _patterns(value)[0])
    except (ValueError, IndexError):
        return None


def was_not_set(value: Any) -> bool:
    """Whether it is what a clock says that counts from 1970 and was never set."""
    return type(value) in (int, float) and 0 <= value < CLOCK_NOT_SET


def other_pattern(field: TimeField, values: Sequence[Any]) -> str | None:
    """Another pattern that reads all values: day and month may be either way round."""
    texts = [value for value in values if type(value) is str]
    if not texts or len(field.formats) > 1 or "%" not in field.formats[0]:
        return None
    others = set.intersection(*(set(_patterns(text)) for text in texts)) - {field.formats[0]}
    return min(others, default=None)


def best_time(columns: Columns, readings: int, arrivals: Sequence[datetime | None]) -> tuple[Path, TimeField] | None:
    """The path of the event time. ``columns`` has a value for each reading, ``None`` where it has none.

    A name that says so counts more than depth; inside a list is the last place to look. At least half of the readings
    have it.
    """
    ranked: list[tuple[tuple[float, ...], Path, TimeField]] = []
    for path, values in columns.items():
        field = as_times([value for value in values if value is not None])
        score = name_score(path)
        if field is None or field.fitting * 2 < readings or not path.steps:
            continue
        if score == 0 and not (any(map(is_time, values)) or _is_near(values, arrivals, field)):
            continue
        is_indexed = any(type(step) is int for step in path.steps[1:])
        rank = (is_indexed, 0.75 * len(path.steps) - score, path.absolute, -field.fitting)
        ranked.append((rank, path, field))
    if not ranked:
        return None
    _, path, field = min(ranked, key=lambda one: one[0])
    return path, field


def _is_near(values: Sequence[Any], arrivals: Sequence[datetime | None], field: TimeField) -> bool:
    """Whether numbers without a telling name are all about the arrivals of their messages."""
    scale = {form: 1000**power for power, (_, _, form) in enumerate(MAGNITUDES)}[TimeFormat(field.formats[0])]
    moments = [
        (float(value) / scale, arrived.timestamp())
        for value, arrived in zip(values, arrivals, strict=True)
        if arrived is not None and field.formats[0] in formats_of_value(value)
    ]
    return bool(moments) and all(abs(one - other) < NEAR.total_seconds() for one, other in moments)
