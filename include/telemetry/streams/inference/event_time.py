"""Guess the stream's event time, and collect doubts about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from telemetry.contracts.json_path import Path
from telemetry.contracts.parts import RECEIVED
from telemetry.streams.inference.doubts import About, Doubt
from telemetry.streams.inference.leaves import Columns, written
from telemetry.streams.inference.times import TimeField, best_time, other_pattern, was_not_set
from telemetry.streams.inference.zones import guess_zone

EARLIEST = "2000-01-01T00:00:00Z"


class EventTimeGuess(NamedTuple):
    """The stream's ``event_time`` and the path that it reads."""

    document: str | dict[str, Any]
    path: Path | None
    doubts: list[Doubt]


def guess_event_time(columns: Columns, arrivals: Sequence[datetime | None], timezone: str | None) -> EventTimeGuess:
    """``arrivals`` has an item for each reading; ``timezone`` is what a person said of times without an offset."""
    found = best_time(columns, len(arrivals), arrivals)
    if found is None:
        said = "no value is a time in most messages: the event time is the message's arrival"
        return EventTimeGuess(RECEIVED, None, [Doubt(About.event_time, said)])
    path, field = found
    values = columns[path]
    formats: str | list[str] = field.formats[0] if len(field.formats) == 1 else list(field.formats)
    document: dict[str, Any] = {"path": written(path), "format": formats}
    doubts = _doubts(path, field, values)
    if field.is_local:
        zone = timezone or guess_zone(list(zip(values, arrivals, strict=True)))
        document["timezone"] = zone or "UTC"
        doubts += [] if timezone else [_zone_doubt(zone)]
    if field.accepts_text:
        document["accept"] = ["text"]
    if any(map(was_not_set, values)):
        document["earliest"] = EARLIEST
        doubts.append(Doubt(About.event_time, "some times are those of a clock that was not set"))
    if field.fitting < len(values):
        document["on_error"] = "received"
        said = f"{len(values) - field.fitting} of {len(values)} readings have no time: they get their message's arrival"
        doubts.append(Doubt(About.event_time, said))
    return EventTimeGuess(document, path, doubts)


def _doubts(path: Path, field: TimeField, values: Sequence[Any]) -> list[Doubt]:
    other = other_pattern(field, values)
    if other is None:
        return []
    return [Doubt(About.event_time, f"{written(path)} is read as {field.formats[0]}; it may as well be {other}")]


def _zone_doubt(zone: str | None) -> Doubt:
    if zone is None:
        said = "the times have no offset, and nothing tells of which zone they are"
        return Doubt(About.timezone, said, must_ask=True)
    return Doubt(About.timezone, f"the times have no offset; compared with the arrivals, they are those of {zone}")
