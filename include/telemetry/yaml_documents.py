"""YAML files checked against a pydantic model; an error names file, line and field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from telemetry.errors import TelemetryError

Model = TypeVar("Model", bound=BaseModel)


class Loader(yaml.SafeLoader):
    """YAML with the booleans of its version 1.2, ``true`` and ``false``: ``on``, ``no`` and the like are texts."""


BOOLEAN = "tag:yaml.org,2002:bool"
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(BOOLEAN, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), [*"tTfF"])


class FieldError(ValueError):
    """A fault that a model's validator finds in a field below: ``location`` are the names on the way there."""

    def __init__(self, message: str, *location: int | str) -> None:
        super().__init__(message)
        self.location = location


class StrictModel(BaseModel):
    """A part of such a file: a field that it does not know is a fault, and nothing changes it once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load_document(path: Path, model: type[Model]) -> Model:
    """Read one YAML file as a ``model``.

    Raises:
        TelemetryError: the file is missing, is not YAML, names a field twice, or does not fit the model. The message
            has a line for each fault: ``FILE:LINE: FIELD: what is wrong``.
    """
    try:
        loader = Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        faults = _fields_named_twice(node)
        document = loader.construct_document(node) if node else None
    except (OSError, UnicodeDecodeError) as error:
        raise TelemetryError(f"{path}: cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise TelemetryError(f"{path}:{line}: not valid YAML: {getattr(error, 'problem', error)}.") from error
    try:
        checked = model.model_validate(document)
    except ValidationError as error:
        found = [(_location(fault), fault["msg"].removeprefix("Value error, ")) for fault in error.errors()]
        faults += [(_line_of(node, location), _field(location), message) for location, message in found]
        faults.sort()
    if faults:
        raise TelemetryError("\n".join(f"{path}:{line}: {field}: {message}" for line, field, message in faults))
    return checked


def _location(fault: ErrorDetails) -> tuple[int | str, ...]:
    return (*fault["loc"], *getattr(fault.get("ctx", {}).get("error"), "location", ()))


def place_of(path: Path, *field: str) -> str:
    """``FILE:LINE: FIELD``: where a document that was read says something that another file contradicts."""
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
    return f"{path}:{_line_of(node, field)}: {_field(field)}"


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the document"


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to ``location``: where it, or what should hold it, stands."""
    line = node.start_mark.line + 1 if node else 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _fields_named_twice(node: yaml.Node | None, above: str = "") -> list[tuple[int, str, str]]:
    """YAML forbids a key twice in a mapping, PyYAML takes the last one in silence."""
    if not isinstance(node, yaml.MappingNode):
        return []
    faults: list[tuple[int, str, str]] = []
    seen: set[str] = set()
    for key, value in node.value:
        name = f"{above}{key.value}"
        if key.value in seen:
            faults.append((key.start_mark.line + 1, name, "appears twice"))
        seen.add(key.value)
        faults += _fields_named_twice(value, f"{name}.")
    return faults
