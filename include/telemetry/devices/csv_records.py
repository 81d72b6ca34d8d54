"""The records of a CSV file, typed by a contract."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, TextIO

from telemetry.contracts.model import FieldType, Stream, TimeFormat
from telemetry.devices.json_records import DECODER, Record
from telemetry.devices.messages import put_at
from telemetry.errors import TelemetryError


def csv_records(path: Path, file: TextIO, stream: Stream) -> Iterator[Record]:
    """Yield a record for each row; the first row names the columns.

    Raises:
        TelemetryError: the file is not CSV, no column names the device, a cell is not of its column's type, or two
            cells of a row have the same place in the payload.
    """
    rows = csv.reader(file, strict=True)
    try:
        header = _Header([name.strip() for name in next(rows, [])], stream)
        if stream.device.path not in [place for place, _ in header.columns]:
            raise TelemetryError(
                f"{path}:1: no column {stream.device.path!r}, which names the device.",
                f"Columns: {', '.join(header.names) or 'none'}.",
            )
        for row in rows:
            if row:
                where = f"{path}:{rows.line_num}"
                record = header.record(where, row)
                yield Record(where, record, json.dumps(record, separators=(",", ":")))
    except csv.Error as error:
        raise TelemetryError(f"{path}:{rows.line_num}: not CSV: {error}.") from error


class _Header:
    """The columns that the first row names."""

    def __init__(self, names: list[str], stream: Stream) -> None:
        self.names = names
        self.columns = [_column(name, stream) for name in names]
        places = [place for place, _ in self.columns]
        self._overlaps = [
            (one, other) for one, other in combinations(range(len(names)), 2) if _overlap(places[one], places[other])
        ]

    def record(self, where: str, row: list[str]) -> dict[str, Any]:
        if len(row) != len(self.names):
            raise TelemetryError(f"{where}: {len(row)} cells below a header of {len(self.names)}.")
        for one, other in self._overlaps:
            if row[one] and row[other]:
                said = f"{self.names[one]!r} has a value in the same place of the payload"
                raise TelemetryError(f"{where}: {self.names[other]}: {said}.", "Leave one of the two cells empty.")
        record: dict[str, Any] = {}
        for name, (place, convert), cell in zip(self.names, self.columns, row, strict=True):
            if cell:
                try:
                    put_at(record, place, convert(cell))
                except ValueError as error:
                    raise TelemetryError(f"{where}: {name}: {error}.") from error
        return record


def _overlap(one: str, other: str) -> bool:
    """Whether two places in a payload are the same, or one lies within the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


Column = tuple[str, Callable[[str], object]]
"""The path of a column's values in the payload, and the function that converts its cells."""


def _column(name: str, stream: Stream) -> Column:
    """The column with the header ``name``, a field's name or a dotted path. Values of an unknown path stay text."""
    if name in ("device_id", stream.device.path):
        return stream.device.path or "", str
    if name in ("event_time", stream.event_time.path):
        return stream.event_time.path, str if stream.event_time.formats == [TimeFormat.iso8601] else _double
    for field_name, field in stream.fields.items():
        if name in (field_name, field.path):
            return field.path, CONVERTERS.get(field.type, str)
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


CONVERTERS: dict[FieldType, Callable[[str], object]] = {
    FieldType.string: str,
    FieldType.double: _double,
    FieldType.integer: _integer,
    FieldType.boolean: _boolean,
}
