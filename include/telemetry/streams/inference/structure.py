"""Guess where in the payloads the readings are, and which lists are name/value pairs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from telemetry.contracts.json_path import ANY, Path, Wildcard, parse_query
from telemetry.contracts.places import Found, look_up, matches
from telemetry.contracts.reasons import Reject
from telemetry.streams.inference.doubts import About, Doubt
from telemetry.streams.inference.leaves import (
    Message,
    Query,
    ReadingFound,
    Steps,
    columns_of,
    is_list_of_objects,
    is_object,
    is_positional,
    leaves,
    written,
)
from telemetry.streams.inference.times import best_time

NOT_READINGS = re.compile(r"(rx|gateway|gws|lrr|hops|tags|neighbou?rs)", re.IGNORECASE)
"""Lists of what received a message, not of what was measured."""
NAMES = ("name", "measurand", "key", "parameter", "metric", "quantity", "n")
VALUES = ("value", "v", "val")
FURTHER = ("phase", "context", "location", "channel", "unit")
"""What tells two items of the same name apart."""
ITEMS = parse_query("$[*]")

KeyedLists = dict[Steps, tuple[str, ...]]
"""The lists of named values by their paths in a reading, each with the members that name its items."""


class Structure:
    """The readings of the messages: ``query`` where they are inside the payload, and ``keyed_lists`` in each."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.doubts: list[Doubt] = []
        self.query = self._find_query(messages)
        self.readings = list(_readings(messages, self.query))
        self.keyed_lists = _keyed_lists([reading.found.value for reading in self.readings])

    @property
    def is_map(self) -> bool:
        """Whether the readings are in a map, whose names are the devices."""
        return self.query is not None and isinstance(self.query[0], Wildcard)

    def _find_query(self, messages: Sequence[Message]) -> Query | None:
        documents = [message.document for message in messages]
        if _are_maps_of_lists(documents):
            return (ANY, ANY)
        if _are_maps_of_objects(documents):
            return (ANY,)
        for steps in _lists(documents):
            if _holds_readings(documents, steps):
                said = f"each item of {written(Path(steps, True))} is taken for a reading"
                self.doubts.append(Doubt(About.readings, said))
                return (*steps, ANY)
        return None


def written_query(query: Query) -> str:
    """As a stream's file writes it."""
    fixed = tuple(step for step in query if not isinstance(step, Wildcard))
    if not fixed:
        return "$.*[*]" if len(query) > 1 else "$.*"
    return f"{written(Path(fixed, True))}[*]"


def _readings(messages: Sequence[Message], query: Query | None) -> Iterator[ReadingFound]:
    """Return what the stream's reader finds, if anything."""
    for message in messages:
        is_array = type(message.document) is list and not is_positional(message.document)
        steps = query if query is not None else ITEMS if is_array else ()
        for found in matches(message.document, steps):
            if not isinstance(found, Reject):
                yield ReadingFound(message, found)


def _are_maps_of_lists(documents: Sequence[Any]) -> bool:
    """``{"Device A": [{…}, {…}], …}``: a map of devices, each with its readings."""
    members = [value for document in documents if is_object(document) for value in document.values()]
    lists = [value for value in members if is_list_of_objects(value)]
    names = {name for document in documents if is_object(document) for name in document}
    return (
        all(map(is_object, documents))
        and len(lists) * 2 > len(members)
        and (len(lists) > len(documents) or len(names) > 1)
        and _are_alike([item for items in lists for item in items])
    )


def _are_maps_of_objects(documents: Sequence[Any]) -> bool:
    """``{"Device A": {…}, "Device B": {…}}``, where the names change and what is inside does not."""
    if not all(map(is_object, documents)):
        return False
    members = [value for document in documents for value in document.values()]
    shapes = {frozenset(document) for document in documents}
    return (
        len(shapes) > 1
        and len(members) > 1
        and all(is_object(member) and len(member) > 1 for member in members)
        and _are_alike(members)
    )


def _are_alike(objects: Sequence[Any]) -> bool:
    """Whether most items have the same names."""
    counts = Counter(name for one in objects for name in one)
    return bool(objects) and sum(count * 2 > len(objects) for count in counts.values()) * 2 >= len(counts)


def _lists(documents: Sequence[Any]) -> list[Steps]:
    """The paths of lists of objects, the outermost first."""
    found: dict[Steps, None] = {}
    for document in documents:
        for steps, _ in leaves(document):
            found |= {steps[:at]: None for at in range(1, len(steps)) if steps[at] == 0 and type(steps[at]) is int}
    return sorted((steps for steps in found if not any(NOT_READINGS.match(str(step)) for step in steps)), key=len)


def _holds_readings(documents: Sequence[Any], steps: Steps) -> bool:
    """Whether the items have times of their own, or nothing else in the payload is measured."""
    if any(type(step) is int for step in steps[1:]):
        return False
    lists = [items for document in documents if is_list_of_objects(items := look_up(document, steps))]
    if not lists or _naming(lists) is not None:
        return False
    items = [item for one in lists for item in one]
    found = [ReadingFound(Message(number, item), Found(item, (), {})) for number, item in enumerate(items)]
    if best_time(columns_of(found, None), len(items), [None] * len(items)):
        return True
    beside = [value for document in documents for path, value in leaves(document) if path[: len(steps)] != steps]
    numbers = sum(type(value) in (int, float) for item in items for _, value in leaves(item))
    return numbers >= len(items) and sum(type(value) is float for value in beside) == 0 and len(items) > len(lists)


def _naming(lists: Sequence[Sequence[Any]]) -> tuple[str, ...] | None:
    """The members that name the items of lists of named values; ``None`` where they are no such lists."""
    items = [item for one in lists for item in one]
    name = next((name for name in NAMES if all(type(item.get(name)) is str for item in items)), None)
    if name is None or not all(any(value in item for value in VALUES) for item in items):
        return None
    naming = [name]
    for further in ("", *FURTHER):
        if further and any(further in item for item in items):
            naming.append(further)
        keys = [[tuple(item.get(member) for member in naming) for item in one] for one in lists]
        if all(len(set(one)) == len(one) for one in keys):
            return tuple(naming)
    return None


def _keyed_lists(values: Sequence[Any]) -> KeyedLists:
    found: dict[Steps, list[Any]] = {}
    for value in values:
        for steps in _lists([value]):
            if not any(type(step) is int for step in steps):
                found.setdefault(steps, []).append(look_up(value, steps))
    named = {steps: _naming([items for items in lists if is_list_of_objects(items)]) for steps, lists in found.items()}
    return {steps: naming for steps, naming in named.items() if naming}
