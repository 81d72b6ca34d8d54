"""The JSON Schema of streams' files: it is current, accepts what the models accept, and refuses other forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from typer.testing import CliRunner

from corpus.devices import FOLDER, FORMATS
from telemetry.cli.main import app
from telemetry.contracts.model import Stream
from telemetry.paths import STREAM_SCHEMA, STREAMS
from telemetry.streams.json_schema import MODELINE, stream_schema
from telemetry.yaml_documents import Loader

SCHEMA = stream_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
OWN = sorted(STREAMS.glob("*.yaml"))
CORPUS = [FOLDER / name / f"{name}.yaml" for name in FORMATS]


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a SafeLoader
    return document


def as_json(value: Any) -> Any:
    """A YAML document as editors see it: a time is a text."""
    return json.loads(json.dumps(value, default=datetime.isoformat))


def loads(document: Any) -> bool:
    """Whether the models accept it."""
    try:
        Stream.model_validate(document)
    except ValidationError:
        return False
    return True


def test_the_schema_is_sound_and_its_file_is_current() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    printed = CliRunner().invoke(app, ["stream", "schema"]).stdout
    assert (STREAMS / STREAM_SCHEMA).read_text(encoding="utf-8") == printed, (
        "run `telemetry stream schema > include/streams/stream.schema.json`"
    )


def test_every_key_has_a_description() -> None:
    models = [SCHEMA, *SCHEMA["$defs"].values()]
    keys = {name: said for model in models for name, said in model.get("properties", {}).items()}
    assert [name for name, said in keys.items() if "description" not in said and "const" not in said] == []
    assert "``" not in json.dumps(SCHEMA)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_a_stream_of_the_project_names_the_schema_and_fits_it(path: Path) -> None:
    assert path.read_text(encoding="utf-8").splitlines()[0] == MODELINE
    VALIDATOR.validate(as_json(read(path)))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_stream_of_the_corpus_fits_the_schema(path: Path) -> None:
    VALIDATOR.validate(as_json(read(path)))


RICH: dict[str, Any] = {
    "stream": "rich",
    "topic": "a/+/b",
    "levels": "_/device/_",
    "encoding": {"type": "json", "allow_nan": True},
    "where": [{"path": "kind", "equals": "x"}],
    "keyed_lists": [{"path": "items", "key": ["name"]}],
    "decode": [{"path": "raw", "text": "hex", "bit_fields": [{"name": "low", "at": 0, "bits": 16}]}],
    "readings": "$.values[*]",
    "device": {"levels": ["device"]},
    "event_time": {"path": "at", "format": ["iso8601", "%d.%m.%Y"], "timezone": "UTC", "accept": ["text"]},
    "message_id": {"path": "id"},
    "fields": {
        "level": {"type": "double", "unit": "m", "range": [0, 9], "scale": "5/9", "null_values": [-1, ""]},
        "open": {"type": "boolean", "true_values": ["auf", 2], "on_error": "null"},
        "mode": {"type": "string", "one_of": ["a", "b"]},
        "seen": {"type": "timestamp", "format": "epoch_seconds"},
    },
}
VALUES: list[Any] = [
    *(None, True, 0, 1, 16, 0.5, 1.0, "", "x", "1", " 16 ", "1_6", "1.0", "inf", "5/9", "yes", "OFF", "0"),
    *("text", "null", "reject", "received", "device", "cbor", "iso8601", "%Y", "UTC"),
    *([], ["x"], ["0", True], ["text"], ["iso8601"], {}, {"path": "x"}, {"path": "x", "key": "n"}),
    *({"type": "csv"}, {"constant": "x"}, {"level": "device", "present": "no"}, datetime.now(UTC)),
    {"path": "x", "text": "base64", "format": "cayenne_lpp"},
]
MEMBERS = {name for model in [SCHEMA, *SCHEMA["$defs"].values()] for name in model.get("properties", {})}


def places(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value of the rich document, and to each member that its objects might have."""
    if isinstance(document, dict):
        for name in [*document, *sorted(MEMBERS - document.keys())]:
            if name in document or is_known((*way, name)):
                yield (*way, name)
                yield from places(document.get(name), (*way, name))
    elif isinstance(document, list):
        for number, item in enumerate(document):
            yield (*way, number)
            yield from places(item, (*way, number))


def is_known(way: tuple[Any, ...]) -> bool:
    """Whether the models know a member there."""
    try:
        Stream.model_validate(put(way, None))
    except ValidationError as error:
        return "extra_forbidden" not in {fault["type"] for fault in error.errors()}
    return True


def put(way: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The rich document with another value at one place."""
    changed = deepcopy(RICH)
    holder: Any = changed
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] = value
    return changed


def test_what_the_models_accept_the_schema_accepts() -> None:
    """Any value at any place: pydantic accepts more spellings than a type's name says."""
    assert loads(RICH)
    accepted = [document for way in places(RICH) for value in VALUES if loads(document := put(way, value))]
    assert len(accepted) > 500
    assert [document for document in accepted if not VALIDATOR.is_valid(as_json(document))] == []


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"stream": "Door"},
        {"topic": 5},
        {"encoding": "xml"},
        {"encoding": "protobuf"},
        {"device": "path"},
        {"device": {"way": "x"}},
        {"event_time": "arrival"},
        {"event_time": {"path": "at", "format": "epoch_minutes"}},
        {"event_time_ahead_seconds": -1},
        {"where": {"path": "x", "equals": []}},
        {"decode": {"path": "x", "text": "binary"}},
        {"fields": {}},
        {"fields": {"Level": {"type": "double"}}},
        {"fields": {"level": {}}},
        {"fields": {"level": {"type": "float"}}},
        {"fields": {"level": {"type": "double", "unti": "m"}}},
        {"fields": {"level": {"type": "double", "range": [1]}}},
        {"fields": {"level": {"type": "double", "required": "maybe"}}},
    ],
    ids=json.dumps,
)
def test_another_form_does_not_fit(change: dict[str, Any]) -> None:
    document = {**read(STREAMS / "telemetry.yaml"), **change}
    assert not loads(document)
    assert not VALIDATOR.is_valid(as_json(document))


@pytest.mark.parametrize("key", ["stream", "topic", "device", "event_time", "fields"])
def test_a_missing_key_does_not_fit(key: str) -> None:
    document = read(STREAMS / "telemetry.yaml")
    del document[key]
    assert not VALIDATOR.is_valid(as_json(document))
