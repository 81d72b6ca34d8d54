"""A stream's table as a data contract of the Open Data Contract Standard, for data catalogs and contract checkers.

The standard: bitol-io.github.io/open-data-contract-standard, version 3.1.
"""

from __future__ import annotations

import hashlib
import math
from copy import deepcopy
from typing import Any

from telemetry.contracts.fields import ContractField, FieldType
from telemetry.contracts.model import Stream
from telemetry.contracts.schema import reading_columns
from telemetry.yaml_documents import dump_document

API_VERSION = "v3.1.0"
LOGICAL: dict[FieldType, dict[str, Any]] = {
    FieldType.string: {"logicalType": "string"},
    FieldType.double: {"logicalType": "number", "logicalTypeOptions": {"format": "f64"}},
    FieldType.integer: {"logicalType": "integer", "logicalTypeOptions": {"format": "i64"}},
    FieldType.boolean: {"logicalType": "boolean"},
    FieldType.timestamp: {"logicalType": "timestamp", "logicalTypeOptions": {"timezone": True}},
    FieldType.json: {},  # any value: the standard has no type for that
}
COMMON: dict[str, dict[str, Any]] = {
    "device_id": {
        "logicalType": "string",
        "logicalTypeOptions": {"minLength": 1, "maxLength": 256},
        "description": "The device that sent the reading",
    },
    "event_time": {
        **LOGICAL[FieldType.timestamp],
        "description": "When the device measured, or else when its message arrived",
    },
    "reading_id": {
        "logicalType": "string",
        "logicalTypeOptions": {"format": "uuid"},
        "description": "Tells apart the readings of one device and event time",
    },
    "extra": {"logicalType": "object", "description": "What the message says beyond the contract"},
}
"""The columns that every stream's table has."""
PRIMARY_KEY = ("device_id", "event_time", "reading_id")


def data_contract(stream: Stream) -> dict[str, Any]:
    """The contract as a document: the table, its columns with type, unit, range and allowed values, and no servers.

    The version's major number is 1, since columns keep their type and unit (``telemetry.contracts.evolution``); its
    build part is a hash of the contract, which changes with it.
    """
    table = {
        "name": stream.stream,
        "physicalName": stream.table,
        "logicalType": "object",
        "physicalType": "table",
        **_description(stream.description),
        "dataGranularityDescription": "One row for each reading of a device",
        "properties": [
            _property(column.name, column.sql, stream.fields.get(column.name)) for column in reading_columns(stream)
        ],
    }
    build = hashlib.sha256(dump_document(table).encode()).hexdigest()[:16]
    return {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"urn:telemetry:stream:{stream.stream}",
        "name": stream.stream,
        "version": f"1.0.0+{build}",
        "status": "active",
        **({"description": {"purpose": stream.description}} if stream.description else {}),
        "schema": [table],
    }


def _property(name: str, physical_type: str, field: ContractField | None) -> dict[str, Any]:
    """A column; ``field`` where it is one of the contract's."""
    if field is None:
        said, required = COMMON[name], name in PRIMARY_KEY
    else:
        said, required = _of_field(field), field.required
    key = {"primaryKey": True, "primaryKeyPosition": PRIMARY_KEY.index(name) + 1} if name in PRIMARY_KEY else {}
    return {"name": name, "physicalType": physical_type, "required": required, **key, **said}


def _of_field(field: ContractField) -> dict[str, Any]:
    said = {**deepcopy(LOGICAL[field.type]), **_description(field.description)}
    if field.range:
        ends = zip(("minimum", "maximum"), field.range, strict=True)
        said["logicalTypeOptions"] |= {name: end for name, end in ends if math.isfinite(end)}
    if field.one_of:
        valid = {"metric": "invalidValues", "arguments": {"validValues": list(field.one_of)}, "mustBe": 0}
        said["quality"] = [valid]
    if field.unit:
        said["customProperties"] = [{"property": "unit", "value": field.unit}]
    return said


def _description(text: str) -> dict[str, str]:
    return {"description": text} if text else {}
