"""The rows of a CSV file as payloads: JSON records typed by a contract, or lines of CSV if the stream reads CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import Any, TextIO

from telemetry.contracts.encoding import Csv
from telemetry.contracts.fields import ContractField
from telemetry.contracts.model import FieldType, Stream
from telemetry.contracts.times import EPOCH_UNITS, formats_of
from telemetry.devices.json_records import DECODER, Record
from telemetry.devices.messages import put_at
from telemetry.errors import TelemetryError

DELIMITERS = "\t;|,"
"""In this order: a comma may be a decimal comma, where another one delimits."""

Row = tuple[str, list[str]]
"""Where a row is, and its cells."""


def csv_payloads(path: Path, file: TextIO, stream: Stream) -> Iterator[Record]:
    """A payload a row, as devices of the stream publish it; its value is the row by its columns' names.

    Where the stream's encoding is ``csv``, a payload is the row as a line, below the line of names if the stream takes
    the names from there. Otherwise it is a JSON record.

    Raises:
        TelemetryError: the file is not CSV; or, for a JSON record, no column names the device, a cell is not of its
            column's type, or has its place where another cell's value is.
    """
    if isinstance(stream.encoding, Csv):
        return _csv_lines(path, file, stream.encoding)
    return _json_records(path, file, stream)


def csv_rows(path: Path, file: TextIO, delimiter: str = "", columns: Sequence[str] = ()) -> Iterator[Row]:
    """The rows that are not empty, the first of which names the columns: ``columns``, where the file does not.

    Without a ``delimiter`` it is guessed; so it is where the first line does not have it.

    Raises:
        TelemetryError: the file is not CSV, has no row, or one with another number of cells than the first.
    """
    line = file.readline()
    file.seek(0)
    rows = csv.reader(file, delimiter=delimiter if delimiter and delimiter in line else delimiter_of(line), strict=True)
    try:
        if (first := next(rows, None)) is None:
            raise TelemetryError(f"{path} is empty.")
        names = [name.strip() for name in first]
        has_names = not columns or sorted(names) == sorted(columns)
        names = names if has_names else list(columns)
        yield f"{path}:1", names
        for row in rows if has_names else chain([first], rows):
            if row and len(row) != len(names):
                raise TelemetryError(f"{path}:{rows.line_num}: {len(row)} cells below a header of {len(names)}.")
            if row:
                yield f"{path}:{rows.line_num}", row
    except csv.Error as error:
        raise TelemetryError(f"{path}:{rows.line_num}: not CSV: {error}.") from error


def delimiter_of(line: str) -> str:
    """What stands between the cells of a line: of the usual delimiters the first that it has."""
    return next((delimiter for delimiter in DELIMITERS if delimiter in line), ",")


def refuse_same_names(where: str, names: Sequence[str]) -> None:
    """Let pass names of columns that are there, and differ.

    Raises:
        TelemetryError: they do not.
    """
    if not any(names):
        raise TelemetryError(f"{where}: no names of columns.")
    if len(set(names)) < len(names):
        raise TelemetryError(f"{where}: two columns have the same name.")


def _csv_lines(path: Path, file: TextIO, encoding: Csv) -> Iterator[Record]:
    rows = csv_rows(path, file, encoding.delimiter, encoding.columns or ())
    where, names = next(rows)
    refuse_same_names(where, names)
    for where, row in rows:
        value = dict(zip(names, row, strict=True))
        text = io.StringIO()
        lines = [[value[name] for name in encoding.columns]] if encoding.columns else [names, row]
        csv.writer(text, delimiter=encoding.delimiter).writerows(lines)
        yield Record(where, {name: cell or None for name, cell in value.items()}, text.getvalue())


def _json_records(path: Path, file: TextIO, stream: Stream) -> Iterator[Record]:
    rows = csv_rows(path, file)
    where, names = next(rows)
    header = _Header(names, stream)
    if stream.device.path and stream.device.path not in [place for place, _ in header.columns]:
        raise TelemetryError(
            f"{where}: no column {stream.device.path!r}, which names the device.", f"Columns: {', '.join(names)}."
        )
    for where, row in rows:
        record = header.record(where, row)
        yield Record(where, record, json.dumps(record, ensure_ascii=False, separators=(",", ":")))


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


Typed = Callable[[str], object]
"""Makes a value of a cell. Raises ``ValueError``."""


def _column(name: str, stream: Stream) -> tuple[str, Typed]:
    """The place in the payload that a column's values take, and what makes a value of a cell.

    A column is headed by a field's name or by a dotted path; one that the contract does not know stays text.
    """
    device, time = stream.device.path, stream.event_time
    if device and name in ("device_id", device):
        return device, str
    if time.path and name in ("event_time", time.path):
        return time.path, _time(time.formats, takes_text="text" in time.accept)
    for field_name, field in stream.fields.items():
        if name in (field_name, field.path):
            return field.path, _typed(field)
    return name, str


def _typed(field: ContractField) -> Typed:
    """A cell of the field's type; or its text, where the field takes texts."""
    takes_text = (
        "text" in field.accept or field.on_error == "null" or any(type(one) is str for one in field.null_values)
    )
    if field.type is FieldType.timestamp:
        return _time(formats_of(field.format or []), takes_text=takes_text)
    typed = TYPED.get(field.type, str)
    return _or_text(typed) if takes_text or field.true_values or field.false_values else typed


def _time(formats: Sequence[str], *, takes_text: bool) -> Typed:
    epochs = [form for form in formats if form in EPOCH_UNITS]
    if not epochs:
        return str
    return _or_text(_double) if takes_text or len(epochs) < len(formats) else _double


def _or_text(typed: Typed) -> Typed:
    def typed_or_text(cell: str) -> object:
        try:
            return typed(cell)
        except ValueError:
            return cell

    return typed_or_text


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


TYPED: dict[FieldType, Typed] = {
    FieldType.string: str,
    FieldType.double: _double,
    FieldType.integer: _integer,
    FieldType.boolean: _boolean,
}
