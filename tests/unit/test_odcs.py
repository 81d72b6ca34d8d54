"""A stream's table as a data contract: it fits the standard's own schema, and says what the stream's file says."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard
from typer.testing import CliRunner

from corpus.devices import FORMATS, stream_of
from telemetry.cli.main import app
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.contracts.schema import reading_columns
from telemetry.streams.odcs import data_contract
from telemetry.yaml_documents import dump_document

STANDARD = Draft201909Validator(
    json.loads((importlib.resources.files("open_data_contract_standard") / "schema.json").read_text(encoding="utf-8"))
)
OWN = load_streams()
DOOR: dict[str, Any] = {
    "stream": "door",
    "description": "5 doors: of the yard",
    "topic": "door/+",
    "device": {"levels": "device"},
    "event_time": "received",
    "fields": {
        "gap": {"type": "double", "unit": "mm", "range": [0, float("inf")], "required": True, "description": "Width"},
        "state": {"type": "string", "one_of": ["on", "1e5", "2026-01-01", ""]},
        "count": {"type": "integer", "range": [-3, 9], "one_of": [1, 2]},
        "seen": {"type": "timestamp", "format": "iso8601"},
        "open": {"type": "boolean"},
        "more": {"type": "json"},
    },
}


def exported(stream: Stream) -> dict[str, Any]:
    """The contract as another program reads it, once the standard's schema lets it pass."""
    text = dump_document(data_contract(stream))
    document: dict[str, Any] = yaml.safe_load(text)
    STANDARD.validate(document)
    assert OpenDataContractStandard.from_string(text).apiVersion == "v3.1.0"
    return document


@pytest.mark.parametrize("stream", [*OWN.values(), *map(stream_of, FORMATS)], ids=lambda stream: stream.stream)
def test_a_contract_fits_the_standard_and_has_every_column(stream: Stream) -> None:
    (table,) = exported(stream)["schema"]
    assert (table["name"], table["physicalName"]) == (stream.stream, stream.table)
    columns = [(column.name, column.sql) for column in reading_columns(stream)]
    assert [(one["name"], one["physicalType"]) for one in table["properties"]] == columns
    units = {one["name"]: one["customProperties"] for one in table["properties"] if "customProperties" in one}
    assert units == {
        name: [{"property": "unit", "value": field.unit}] for name, field in stream.fields.items() if field.unit
    }


def test_the_schema_of_the_standard_refuses_something() -> None:
    document = data_contract(OWN["telemetry"])
    document["schema"][0]["properties"][0]["unit"] = "m"
    assert not STANDARD.is_valid(document)


def test_what_a_field_says_is_in_the_contract() -> None:
    contract = exported(Stream.model_validate(DOOR))
    assert contract["description"] == {"purpose": "5 doors: of the yard"}
    found = {one.pop("name"): one for one in contract["schema"][0]["properties"]}
    assert [name for name, one in found.items() if one["required"]] == ["device_id", "event_time", "reading_id", "gap"]
    key = {name: one["primaryKeyPosition"] for name, one in found.items() if one.get("primaryKey")}
    assert key == {"device_id": 1, "event_time": 2, "reading_id": 3}
    assert found["gap"] == {
        "physicalType": "double precision",
        "required": True,
        "logicalType": "number",
        "logicalTypeOptions": {"format": "f64", "minimum": 0},
        "description": "Width",
        "customProperties": [{"property": "unit", "value": "mm"}],
    }
    assert found["count"]["logicalTypeOptions"] == {"format": "i64", "minimum": -3, "maximum": 9}
    (rule,) = found["state"]["quality"]
    assert rule == {
        "metric": "invalidValues",
        "arguments": {"validValues": ["on", "1e5", "2026-01-01", ""]},
        "mustBe": 0,
    }
    assert "logicalType" not in found["more"]
    assert found["seen"]["logicalTypeOptions"] == {"timezone": True}


def test_the_version_changes_with_the_contract_alone() -> None:
    stream = OWN["telemetry"]
    version = data_contract(stream)["version"]
    assert version.startswith("1.0.0+")
    assert data_contract(stream.model_copy(update={"topic": "other/+/telemetry"}))["version"] == version
    assert data_contract(stream.model_copy(update={"description": "other"}))["version"] != version


def test_the_command_prints_it() -> None:
    ended = CliRunner().invoke(app, ["stream", "export", "environment"])
    assert ended.exit_code == 0
    assert yaml.safe_load(ended.stdout) == exported(OWN["environment"])
    assert "physicalName: environment_readings" in ended.stdout
    assert "value: °C" in ended.stdout
    assert CliRunner().invoke(app, ["stream", "export", "none"]).exit_code == 1


def test_texts_that_yaml_1_2_takes_for_numbers_are_quoted() -> None:
    """PyYAML reads 1e5 and 0o17 as texts, other programs as numbers."""
    assert dump_document({"of": ["1e5", "0o17", "-.5", "x"]}) == 'of:\n- "1e5"\n- "0o17"\n- "-.5"\n- x\n'
