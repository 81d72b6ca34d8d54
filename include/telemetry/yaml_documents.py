"""Load YAML files into pydantic models, with errors that name file, line and field; write documents as YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from telemetry.errors import TelemetryError

Model = TypeVar("Model", bound=BaseModel)
LINE_WIDTH = 120


class Loader(yaml.SafeLoader):
    """YAML with the booleans of its version 1.2, ``true`` and ``false``: ``on``, ``no`` and the like are texts."""


BOOLEAN = "tag:yaml.org,2002:bool"
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(BOOLEAN, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), [*"tTfF"])


class Dumper(yaml.SafeDumper):
    """Texts that a reader could take for something else are in double quotes.

    Those are numbers of YAML 1.2, such as 1e5, and characters that cannot be printed: PyYAML writes some of them as
    they are, such as NEL, and reads them as a space.
    """


NUMBER_LIKE = re.compile(r"[-+.]*\d")


def _text_node(dumper: Dumper, text: str) -> yaml.ScalarNode:
    quoted = not text.isprintable() or NUMBER_LIKE.match(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


Dumper.add_representer(str, _text_node)


def dump_document(document: Mapping[str, Any], *, flow: bool = False) -> str:
    """YAML that is read as the same document, in its order. With ``flow``, the innermost mappings are on one line."""
    style = None if flow else False
    text: str = yaml.dump(
        document, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=style, width=LINE_WIDTH
    )
    return text


class FieldError(ValueError):
    """A fault that a model's validator finds in a field below: ``location`` are the names on the way there."""

    def __init__(self, message: str, *location: int | str) -> None:
        super().__init__(message)
        self.location = location


class StrictModel(BaseModel):
    """The base of all models of YAML files: unknown fields are errors, and instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load_document(path: Path, model: type[Model]) -> Model:
    """Read one YAML file as a ``model``.

    Raises:
        TelemetryError: the file is missing, is not YAML, has a field twice, or does not fit the model. The message
            has a line for each fault: ``FILE:LINE: FIELD: what is wrong``.
    """
    try:
        loader = Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        faults = _repeated_fields(node)
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
    """Return ``FILE:LINE: FIELD`` of a field in a valid file, for the message of an error that involves other files."""
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
    return f"{path}:{_line_of(node, field)}: {_field(field)}"


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the document"


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the node at ``location`` or, if it is missing, of its nearest existing parent."""
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


def _repeated_fields(node: yaml.Node | None, above: str = "") -> list[tuple[int, str, str]]:
    """YAML forbids repeated keys in a mapping, but PyYAML silently keeps the last one."""
    if not isinstance(node, yaml.MappingNode):
        return []
    faults: list[tuple[int, str, str]] = []
    seen: set[str] = set()
    for key, value in node.value:
        name = f"{above}{key.value}"
        if key.value in seen:
            faults.append((key.start_mark.line + 1, name, "appears twice"))
        seen.add(key.value)
        faults += _repeated_fields(value, f"{name}.")
    return faults
