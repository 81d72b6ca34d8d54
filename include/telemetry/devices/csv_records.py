"""The records of a CSV file, typed by a contract."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from telemetry.contracts.model import FieldType, Stream, TimeFormat
from telemetry.devices.json_records import DECODER, Record
from telemetry.devices.messages import put_at
from telemetry.errors import TelemetryError


def csv_records(path: Path, file: TextIO, stream: Stream) -> Iterator[Record]:
    """A record a row, as JSON; the first row names the columns.

    Raises:
        TelemetryError: the file is not CSV, no column names the device, or a cell is not of its column's type.
    """
    rows = csv.reader(file, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        columns = [_column(name, stream) for name in header]
        if stream.device.path not in [place for place, _ in columns]:
            raise TelemetryError(
                f"{path}:1: no column {stream.device.path!r}, which names the device.",
                f"Columns: {', '.join(header) or 'none'}.",
            )
        for row in rows:
            if row:
                where = f"{path}:{rows.line_num}"
                record = _record(where, header, columns, row)
                yield Record(where, record, json.dumps(record, separators=(",", ":")))
    except csv.Error as error:
        raise TelemetryError(f"{path}:{rows.line_num}: not CSV: {error}.") from error


def _record(where: str, header: list[str], columns: list[Column], row: list[str]) -> dict[str, Any]:
    if len(row) != len(header):
        raise TelemetryError(f"{where}: {len(row)} cells below a header of {len(header)}.")
    record: dict[str, Any] = {}
    for name, (place, typed), cell in zip(header, columns, row, strict=True):
        if cell:
            try:
                put_at(record, place, typed(cell))
            except ValueError as error:
                raise TelemetryError(f"{where}: {name}: {error}.") from error
    return record


Column = tuple[str, Callable[[str], object]]
"""The place in the payload that a column's values take, and what makes a value of a cell."""


def _column(name: str, stream: Stream) -> Column:
    """A column is headed by a field's name or by a dotted path; one that the contract does not know stays text."""
    if name in ("device_id", stream.device.path):
        return stream.device.path, str
    if name in ("event_time", stream.event_time.path):
        return stream.event_time.path, str if stream.event_time.format is TimeFormat.iso8601 else _double
    for field_name, field in stream.fields.items():
        if name in (field_name, field.path):
            return field.path, TYPED[field.type]
    return name, str


def _double(cell: str) -> float | int:
    try:
        value = DECODER.decode(cell.strip().removeprefix("+"))
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{cell!r} is not a number")
    return value


def _integer(cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise ValueError(f"{cell!r} is not a whole number") from None


def _boolean(cell: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if cell.strip().lower() not in known:
        raise ValueError(f"{cell!r} is neither true nor false")
    return known[cell.strip().lower()]


TYPED: dict[FieldType, Callable[[str], object]] = {
    FieldType.string: str,
    FieldType.double: _double,
    FieldType.integer: _integer,
    FieldType.boolean: _boolean,
}
