"""Lines of comma-separated values (RFC 4180), each an object of texts."""

from __future__ import annotations

import csv
import io

from telemetry.encodings import UndecodableError


def decode_csv(content: bytes, *, delimiter: str, columns: tuple[str, ...] | None) -> list[dict[str, str | None]]:
    """An object a line; an empty cell is null. Without ``columns`` the first line names them.

    Raises:
        UndecodableError: they are no such lines, or a line has another number of cells.
    """
    try:
        text = content.decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names = list(columns) if columns else [name.strip() for name in next(rows, [])]
        lines = [(rows.line_num, row) for row in rows if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UndecodableError("no lines of CSV in UTF-8") from error
    if len(set(names)) < len(names):
        raise UndecodableError("two columns have the same name")
    if wrong := next((number for number, row in lines if len(row) != len(names)), None):
        raise UndecodableError(f"line {wrong} has not the {len(names)} cells of its columns")
    return [{name: cell or None for name, cell in zip(names, row, strict=True)} for _, row in lines]
