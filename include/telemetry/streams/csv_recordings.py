"""Read the rows of a CSV file as JSON records before there is a contract: their cells give the columns' types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from telemetry.devices.csv_records import csv_rows, refuse_same_names
from telemetry.devices.json_records import DECODER
from telemetry.devices.messages import put_at
from telemetry.errors import TelemetryError


def csv_messages(path: Path, file: TextIO) -> Iterator[tuple[str, bytes]]:
    """Where each row is, and its payload. The first row names the columns, a dot in a name makes an object.

    A column whose cells are all numbers, or all true and false, is one of those; any other is text.

    Raises:
        TelemetryError: the file is not CSV, or a row has another number of cells than the first.
    """
    rows = csv_rows(path, file)
    where, names = next(rows)
    refuse_same_names(where, names)
    typed = [True] * len(names)
    for _, row in rows:
        typed = [known and (not cell or _is_value(cell)) for known, cell in zip(typed, row, strict=True)]
    file.seek(0)
    rows = csv_rows(path, file)
    next(rows)
    for where, row in rows:
        yield where, _record(where, names, row, typed)


def _is_value(cell: str) -> bool:
    """Whether a cell is a number or a boolean as JSON writes them."""
    try:
        return isinstance(DECODER.decode(cell.strip().removeprefix("+")), int | float)
    except (ValueError, RecursionError):
        return False


def _record(where: str, names: Sequence[str], row: Sequence[str], typed: Sequence[bool]) -> bytes:
    record: dict[str, Any] = {}
    for name, cell, is_typed in zip(names, row, typed, strict=True):
        if cell:
            try:
                put_at(record, name, DECODER.decode(cell.strip().removeprefix("+")) if is_typed else cell)
            except (TypeError, AttributeError):
                raise TelemetryError(f"{where}: {name}: another column is where this one's object would be.") from None
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
