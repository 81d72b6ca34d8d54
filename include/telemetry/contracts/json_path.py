"""Paths into a payload: dotted names, or JSONPath's singular queries (RFC 9535, section 2.3.5.1).

``a.b``, ``rx[0].rssi`` and ``air['PM2.5']`` are read from where they stand; ``$.a.b`` from the whole payload. ``$`` is
the whole payload itself. A query for readings may hold wildcards besides: ``$.values[*]``, ``$.*[*]``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

NAME: Final = r"[^.\[\]'\"\x00]+"
_SEGMENT: Final = re.compile(
    rf"""(?P<wildcard>\[\*\]|\.\*(?=[.\[]|$))|\.(?P<name>{NAME})|\[(?P<index>0|[1-9]\d{{0,5}})\]
    |\['(?P<single>(?:[^'\\]|\\['\\])*)'\]|\["(?P<double>(?:[^"\\]|\\["\\])*)"\]""",
    re.VERBOSE,
)


class Wildcard(NamedTuple):
    """Stands for every member of an object and for every item of an array."""


ANY: Final = Wildcard()
Step = str | int
"""A member's name, or an item's number from 0."""


class Path(NamedTuple):
    """A singular query; ``absolute`` where it begins at the payload, else at the reading."""

    steps: tuple[Step, ...]
    absolute: bool


def parse_path(text: str) -> Path:
    """The path that a text says.

    Raises:
        ValueError: the text is none, in words for people.
    """
    steps = _parse(text)
    if any(isinstance(step, Wildcard) for step in steps):
        raise ValueError(f"{text!r} has a wildcard, and reads one value: name the member, or the item's number")
    return Path(tuple(step for step in steps if not isinstance(step, Wildcard)), text.startswith("$"))


def parse_query(text: str) -> tuple[Step | Wildcard, ...]:
    """The steps of a query that may hold wildcards, from the whole payload.

    Raises:
        ValueError: the text is none, in words for people.
    """
    return tuple(_parse(text))


def _parse(text: str) -> list[Step | Wildcard]:
    rest = text[1:] if text.startswith("$") else f".{text}" if re.match(NAME, text) else text
    at, steps = 0, list[Step | Wildcard]()
    while at < len(rest):
        found = _SEGMENT.match(rest, at)
        if found is None:
            raise ValueError(
                f"{text!r} is no path: write names joined by dots, [0] for an item, and ['a.b'] for a name with a dot"
            )
        steps.append(_step(found))
        at = found.end()
    if not steps and text != "$":
        raise ValueError("an empty path; the whole payload is $")
    return steps


def _step(found: re.Match[str]) -> Step | Wildcard:
    if found["wildcard"]:
        return ANY
    if found["index"]:
        return int(found["index"])
    quoted = found["double"] if found["single"] is None else found["single"]
    return found["name"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def write_path(steps: tuple[Step, ...]) -> str:
    """The shortest text that ``parse_path`` reads as those steps from the reading."""
    text = "".join(f"[{step}]" if isinstance(step, int) else _member(step) for step in steps)
    return text.removeprefix(".") or "$"


def _member(name: str) -> str:
    if re.fullmatch(NAME, name) and name[0] not in "$*":
        return f".{name}"
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"
