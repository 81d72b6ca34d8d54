"""Guess where the device is named: in the payload, in the topic, by a map's keys, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from telemetry.contracts.convert import DEVICE_ID_MAX
from telemetry.contracts.json_path import Path
from telemetry.contracts.topics import DEVICE, UNNAMED
from telemetry.streams.inference.doubts import About, Doubt
from telemetry.streams.inference.leaves import Columns, written
from telemetry.streams.inference.names import words
from telemetry.streams.inference.topic_levels import TopicLevels

TELLING = (
    re.compile(r"(wireless_?)?device_?(id|eui|uid|uuid|serial)?|dev_?(id|eui)|eui|unit_?id"),
    re.compile(r"(thing|sensor|node|station|meter|machine|asset|client|tracker)_?id|serial(_?(no|number))?|sn|imei"),
    re.compile(r"mac(_?addr(ess)?)?|uid|uuid|id|src|dev"),
    re.compile(r"host(_?name)?|sensor|.*_name|name"),
)
"""Names of members, from those that say it to those that may: from ``WEAK`` on only at the top of a reading, and where
no topic tells the device; from ``LAST`` on only where no level of the topic can be it."""
WEAK, LAST = 2, 3
REPEATED_FROM = 5
"""Of so many readings, two are of one device: what differs in each is rather the message's id."""


class DeviceGuess(NamedTuple):
    """The stream's ``device``, the topic's levels, and the path that the device is at."""

    document: dict[str, Any]
    levels: TopicLevels
    path: Path | None
    doubts: list[Doubt]


def device_of_map(levels: TopicLevels) -> DeviceGuess:
    """The device where the readings are in a map of devices."""
    return DeviceGuess({"key": 1}, levels.without_device(), None, [])


def guess_device(
    name: str,
    columns: Columns,
    seen_topics: Sequence[str | None],
    levels: TopicLevels,
) -> DeviceGuess:
    """Of a stream ``name``. ``columns`` and ``seen_topics`` have an item for each reading."""
    apart = levels.without_device()
    found = {path: [str(value) for value in values] for path, values in columns.items() if _may_be(path, values)}
    in_topic = next((path for path, values in found.items() if _is_in_topic(values, seen_topics)), None)
    below = LAST if levels.device and not levels.is_told else WEAK if levels.device else len(TELLING)
    ranked = sorted(
        (rank, at, path)
        for at, path in enumerate(found)
        if (rank := _rank(path, columns)) is not None and rank[0] < below
    )
    if in_topic is not None and (not ranked or _rank(in_topic, columns) is not None):
        return _named_twice(in_topic, found[in_topic], seen_topics, levels)
    if ranked:
        (strength, _), _, path = ranked[0]
        doubt = [Doubt(About.device, f"{written(path)} is taken for the device")] if strength >= WEAK else []
        compared = levels if levels.is_told and not any(seen_topics) else apart
        return DeviceGuess({"path": written(path)}, compared, path, doubt)
    if levels.device:
        said = _levels_said(levels)
        return DeviceGuess({"levels": _alone(levels.device)}, levels, None, [Doubt(About.device, said)])
    said = f"no message names a device: all readings are of one, {name}"
    return DeviceGuess({"constant": name}, apart, None, [Doubt(About.device, said, must_ask=True)])


def _alone(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else list(names)


def _levels_said(levels: TopicLevels) -> str:
    numbers = [str(levels.names.index(name) + 1) for name in levels.device]
    if len(numbers) == 1:
        return f"level {numbers[0]} of the topic is taken for the device"
    return f"levels {', '.join(numbers[:-1])} and {numbers[-1]} of the topic are taken for the device"


def _may_be(path: Path, values: Sequence[Any]) -> bool:
    """Whether each reading has a text or an integer there that can be an id."""
    return bool(path.steps) and all(
        type(value) in (str, int) and 0 < len(str(value)) <= DEVICE_ID_MAX for value in values
    )


def _is_in_topic(values: Sequence[str], seen_topics: Sequence[str | None]) -> bool:
    """Whether a level of the topic is the value, always the same one in most messages, and more than one character."""
    places = [
        at
        for value, topic in zip(values, seen_topics, strict=True)
        if topic is not None and len(value) > 1
        for at, level in enumerate(topic.split("/"))
        if level == value
    ]
    return len(places) * 2 >= len(values) and len(set(places)) == 1


def _rank(path: Path, columns: Columns) -> tuple[int, int] | None:
    """How telling the path is, the less the better; ``None`` where it is not."""
    if not path.steps or not _may_be(path, columns[path]) or any(type(step) is int for step in path.steps[1:]):
        return None
    name = words(str(path.steps[-1]))
    for strength, pattern in enumerate(TELLING):
        if pattern.fullmatch(name) and (strength < WEAK or _is_alone(path, columns)):
            return strength, len(path.steps)
    return None


def _is_alone(path: Path, columns: Columns) -> bool:
    """Whether it is at the top level, not the name of a neighbouring value, and not different in each reading."""
    values = columns[path]
    is_repeated = len(values) < REPEATED_FROM or len(set(values)) < len(values)
    names_a_value = {Path((name,), path.absolute) for name in ("v", "value")} & columns.keys()
    return len(path.steps) == 1 and is_repeated and not names_a_value


def _named_twice(path: Path, values: Sequence[str], seen: Sequence[str | None], levels: TopicLevels) -> DeviceGuess:
    """Both the payload and the topic name the device, which are compared."""
    pairs = [(value, topic.split("/")) for value, topic in zip(values, seen, strict=True) if topic is not None]
    at = next(level.index(value) for value, level in pairs if value in level)
    filter_levels = levels.filter.split("/")
    if at >= len(filter_levels) or filter_levels[at] == "#":
        return DeviceGuess({"path": written(path)}, levels.without_device(), path, [])
    filter_levels[at] = "+"
    names = [UNNAMED if name == DEVICE else name for name in levels.names]
    names[at] = DEVICE
    shared = TopicLevels("/".join(filter_levels), tuple(names), (DEVICE,))
    return DeviceGuess({"path": written(path)}, shared, path, [])
