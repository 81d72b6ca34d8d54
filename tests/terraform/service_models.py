"""Check resources against the limits in AWS's service models, as botocore has them: lengths, patterns, enumerations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape

JAVA = {
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
    r"\p{L}": "a-zA-Z",
    r"\p{M}": "",
    r"\p{N}": "0-9",
    r"\p{Z}": r"\s",
    "(?i)": "",  # flags within an expression
    "(?s)": "",
}
"""What Java's regular expressions have and Python's lack. Our texts are ASCII, so letters and digits are, too."""


@dataclass(frozen=True)
class Call:
    """The operation that creates a resource: its arguments are the resource's attributes, as far as they are alike.

    ``within`` names the argument that holds them. ``renamed`` are attributes whose argument has another name.
    """

    service: str
    operation: str
    within: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)

    def faults(self, values: Mapping[str, Any]) -> Iterator[str]:
        """Yield ``ATTRIBUTE: what is wrong`` for each value beyond a limit."""
        shape = _operation(self.service, self.operation)
        if self.within:
            shape = shape.members[self.within]
            shape = shape.member if isinstance(shape, ListShape) else shape
        yield from _structure_faults("", values, shape, self.renamed)


@cache
def _operation(service: str, operation: str) -> StructureShape:
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert isinstance(shape, StructureShape), f"{service} {operation} has no input"
    return shape


def _member(attribute: str, shape: Shape, renamed: Mapping[str, str]) -> str | None:
    """The argument that an attribute is: of the same name, without regard to case and underscores."""
    wanted = renamed.get(attribute, attribute).replace("_", "").lower()
    return next((name for name in shape.members if name.lower() in (wanted, f"{wanted}s")), None)


def _structure_faults(path: str, values: Mapping[str, Any], shape: Shape, renamed: Mapping[str, str]) -> Iterator[str]:
    for attribute, value in values.items():
        member = _member(attribute, shape, renamed)
        if member and value not in (None, "", [], {}):
            yield from _faults(f"{path}{attribute}", value, shape.members[member])


def _faults(path: str, value: Any, shape: Shape) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for block in value if isinstance(value, list) else [value]:  # a block is a list of one in Terraform
            if isinstance(block, Mapping):
                yield from _structure_faults(f"{path}.", block, shape, {})
    elif isinstance(shape, ListShape) and isinstance(value, list):
        yield from _size_faults(path, len(value), shape, "items")
        for item in value:
            yield from _faults(path, item, shape.member)
    elif isinstance(shape, MapShape) and isinstance(value, Mapping):
        yield from _size_faults(path, len(value), shape, "keys")
        for key, item in value.items():
            yield from _faults(f"{path}[{key!r}]", key, shape.key)
            yield from _faults(f"{path}[{key!r}]", item, shape.value)
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _text_faults(path, value, shape)
    elif shape.type_name in ("integer", "long") and isinstance(value, int | float):
        yield from _size_faults(path, value, shape, "")


def _size_faults(path: str, size: float, shape: Shape, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{path}: {size:g} {unit}".rstrip() + f", and AWS takes {low} to {high}"


def _text_faults(path: str, value: str, shape: Shape) -> Iterator[str]:
    yield from _size_faults(path, len(value), shape, "characters")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield f"{path}: {value!r} is none of {', '.join(allowed)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{path}: {value!r} does not match {pattern}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in JAVA.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
