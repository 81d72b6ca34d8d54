"""The values of decoded payloads by their paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from telemetry.contracts.json_path import Path, Step, Wildcard, write_path
from telemetry.contracts.places import Found
from telemetry.encodings.exact_json import ESCAPED

DEPTH_MAX = 12
Steps = tuple[Step, ...]
Query = tuple[Step | Wildcard, ...]
Columns = dict[Path, list[Any]]
"""By path an item for each reading; ``None`` where it has none."""


class Message(NamedTuple):
    """A decoded payload and the number of its sample."""

    number: int
    document: Any


class ReadingFound(NamedTuple):
    """One reading of a message: ``found`` as the stream's query finds it."""

    message: Message
    found: Found


def leaves(value: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Each value that is no object. Of a list of objects the first one's; any other list is one value.

    A payload that is an array of unlike items is read item by item.
    """
    if is_object(value) and len(steps) < DEPTH_MAX:
        for name, inner in value.items():
            yield from leaves(inner, (*steps, name))
    elif is_positional(value) and not steps:
        for number, inner in enumerate(value):
            yield from leaves(inner, (number,))
    elif is_list_of_objects(value) and len(steps) < DEPTH_MAX:
        yield from leaves(value[0], (*steps, 0))
    elif value != []:
        yield steps, value


def is_object(value: Any) -> bool:
    """Whether it is an object, and not a value that stands in for one that cannot be stored."""
    return type(value) is dict and value.keys() != {ESCAPED}


def is_list_of_objects(value: Any) -> bool:
    """Whether it is a list that holds objects and nothing else."""
    return type(value) is list and bool(value) and all(map(is_object, value))


def is_positional(value: Any) -> bool:
    """Whether it is an array whose items are different things: an RPC call, say."""
    return type(value) is list and any(map(is_object, value)) and not is_list_of_objects(value)


def written(path: Path) -> str:
    """The path as a stream's file writes it."""
    text = write_path(path.steps)
    if not path.absolute or text == "$":
        return text
    return f"${text}" if text.startswith("[") else f"$.{text}"


def columns_of(readings: Sequence[ReadingFound], query: Query | None) -> Columns:
    """The values of the readings, and those that their payloads say beside them."""
    columns: Columns = {}
    for number, reading in enumerate(readings):
        for path, value in _values(reading, query):
            columns.setdefault(path, [None] * len(readings))[number] = value
    return columns


def _values(reading: ReadingFound, query: Query | None) -> Iterator[tuple[Path, Any]]:
    yield from ((Path(steps, False), value) for steps, value in leaves(reading.found.value))
    if query is not None:
        inner = next(number for number, step in enumerate(query) if isinstance(step, Wildcard))
        for steps, value in leaves(reading.message.document):
            if inner and steps[:inner] != query[:inner]:
                yield Path(steps, True), value


def without_overlaps(columns: Columns, used: Sequence[Path]) -> Columns:
    """The columns that can be fields: none that is used, and none that is on the way to or within another one."""
    ends = set(columns) | set(used)
    through = {Path(path.steps[:depth], path.absolute) for path in ends for depth in range(len(path.steps))}
    return {
        path: values
        for path, values in columns.items()
        if path not in used
        and path not in through
        and not any(Path(path.steps[:depth], path.absolute) in used for depth in range(len(path.steps)))
    }
