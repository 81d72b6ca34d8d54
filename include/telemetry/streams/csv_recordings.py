"""Read the rows of a CSV file as messages: as JSON records with typed values, or as CSV payloads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from telemetry.devices.json_records import DECODER
from telemetry.devices.messages import put_at
from telemetry.errors import TelemetryError

DELIMITERS = "\t;|,"
"""In this order: a comma may be a decimal comma, where another one delimits."""


def csv_messages(path: Path, file: TextIO, *, as_csv: bool) -> Iterator[tuple[str, bytes]]:
    """Where each row is, and its payload. The first row names the columns, a dot in a name makes an object.

    A column whose cells are all numbers, or all true and false, is one of those; any other is text.

    Raises:
        TelemetryError: the file is not CSV, or a row has another number of cells than the first.
    """
    delimiter = delimiter_of(file.readline())
    typed: dict[str, bool] = {}
    if not as_csv:
        file.seek(0)
        for _, names, row in _rows(path, file, delimiter):
            for name, cell in zip(names, row, strict=True):
                typed[name] = typed.get(name, True) and (not cell or _is_value(cell))
    file.seek(0)
    for where, names, row in _rows(path, file, delimiter):
        yield where, _lines(names, row, delimiter) if as_csv else _record(where, names, row, typed)


def delimiter_of(line: str) -> str:
    """Return the delimiter of a line: the first of the usual ones that it contains."""
    return next((delimiter for delimiter in DELIMITERS if delimiter in line), ",")


def _rows(path: Path, file: TextIO, delimiter: str) -> Iterator[tuple[str, list[str], list[str]]]:
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(rows, [])]
        if not any(names):
            raise TelemetryError(f"{path} is empty." if not rows.line_num else f"{path}:1: no names of columns.")
        if len(set(names)) < len(names):
            raise TelemetryError(f"{path}:1: two columns have the same name.")
        for row in rows:
            if row and len(row) != len(names):
                raise TelemetryError(f"{path}:{rows.line_num}: {len(row)} cells below a header of {len(names)}.")
            if row:
                yield f"{path}:{rows.line_num}", names, row
    except csv.Error as error:
        raise TelemetryError(f"{path}:{rows.line_num}: not CSV: {error}.") from error


def _is_value(cell: str) -> bool:
    """Whether a cell is a number or a boolean as JSON writes them."""
    try:
        return isinstance(DECODER.decode(cell.strip().removeprefix("+")), int | float)
    except (ValueError, RecursionError):
        return False


def _record(where: str, names: list[str], row: list[str], typed: dict[str, bool]) -> bytes:
    record: dict[str, Any] = {}
    for name, cell in zip(names, row, strict=True):
        if cell:
            try:
                put_at(record, name, DECODER.decode(cell.strip().removeprefix("+")) if typed[name] else cell)
            except (TypeError, AttributeError):
                raise TelemetryError(f"{where}: {name}: another column is where this one's object would be.") from None
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _lines(names: list[str], row: list[str], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([names, row])
    return text.getvalue().encode()
