"""Write a stream's file as text, with comments on what was seen and what to check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from telemetry.streams.inference.doubts import Doubt
from telemetry.streams.inference.fields import FieldGuess

COLUMN_MAX = 80


def write_stream(head: Mapping[str, Any], fields: Sequence[FieldGuess], doubts: Sequence[Doubt], made_of: str) -> str:
    """The file: ``head`` is all but the fields, in order; ``made_of`` says of what the file is a draft."""
    return "\n".join([*_preface(doubts, made_of), *_head(head), "fields:", *_fields(fields), ""])


def _preface(doubts: Sequence[Doubt], made_of: str) -> Iterator[str]:
    yield f"# Drafted from {made_of}. Add units and ranges, where you know them."
    if doubts:
        yield "# To look at:"
        yield from (f"# - {doubt.about}: {_one_line(doubt.text)}" for doubt in doubts)


def _head(head: Mapping[str, Any]) -> Iterator[str]:
    for name, value in head.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{name}:"
            yield from (f"  - {_flow(item)}" for item in value)
        else:
            yield f"{name}: {_flow(value)}"


def _fields(fields: Sequence[FieldGuess]) -> Iterator[str]:
    lines = [f"  {_flow(field.name)}: {_flow(field.document)}" for field in fields]
    width = min(max(map(len, lines), default=0), COLUMN_MAX)
    for line, field in zip(lines, fields, strict=True):
        yield f"{line:<{width}}  # {_one_line(field.seen)}"


def _flow(value: Any) -> str:
    """The value on one line; what cannot be printed is escaped."""
    text = _dumped(value, as_it_is=True)
    return text if text.isprintable() else _dumped(value, as_it_is=False)


def _dumped(value: Any, *, as_it_is: bool) -> str:
    text: str = yaml.safe_dump([value], default_flow_style=True, sort_keys=False, allow_unicode=as_it_is, width=10**9)
    return text.strip()[1:-1]


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
