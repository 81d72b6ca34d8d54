"""Read the records of a JSON array or of JSON Lines one by one, each with its original text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

from telemetry.errors import TelemetryError

RECORD_CHARACTERS = 2**20
"""The longest record read; AWS IoT Core takes messages of 128 KB (AWS IoT Core quotas)."""

SPACE = re.compile(r"[ \t\r\n]*")


class Record(NamedTuple):
    """One record of a file: its place, for error messages; its value; its text, on one line."""

    where: str
    value: Any
    text: str


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


DECODER = JSONDecoder(parse_constant=_refuse)


def json_lines(path: Path, file: TextIO) -> Iterator[Record]:
    """Yield a record for each line; empty lines are skipped.

    Raises:
        TelemetryError: a line is not JSON.
    """
    for number, line in enumerate(file, start=1):
        text = line.strip()
        if not text:
            continue
        try:
            yield Record(f"{path}:{number}", DECODER.decode(text), text)
        except (ValueError, RecursionError) as error:
            raise TelemetryError(
                f"{path}:{number}: not JSON: {_reason(error)}.",
                "A file holds one JSON array, one JSON record a line, or CSV with the ending .csv.",
            ) from error


def json_array(path: Path, file: TextIO) -> Iterator[Record]:
    """Yield the items of the array that the file consists of.

    Raises:
        TelemetryError: the file is not JSON.
    """
    text = _Text(file)
    text.accept("[")
    number = 0
    if not text.accept("]"):
        while True:
            number += 1
            text.has_more()
            where = f"{path}:{text.line}: record {number}"
            try:
                record, raw = text.decode()
            except (ValueError, RecursionError) as error:
                raise TelemetryError(f"{where}: not JSON: {_reason(error)}.") from error
            yield Record(where, record, raw)
            if text.accept("]"):
                break
            if not text.accept(","):
                raise TelemetryError(f"{where}: not JSON: neither a comma nor the array's end follows.")
    if text.has_more():
        raise TelemetryError(f"{path}:{text.line}: not JSON: something follows the array's end.")


class _Text:
    """A JSON text of any length, read in pieces; ``line`` is the number of the line that has been reached."""

    def __init__(self, file: TextIO) -> None:
        self.line = 1
        self._file, self._buffer, self._position = file, "", 0

    def accept(self, mark: str) -> bool:
        """Skip white space and ``mark``, if it comes next; return whether it did."""
        found = self.has_more() and self._buffer[self._position] == mark
        self._position += found
        return found

    def has_more(self) -> bool:
        """Go past white space; whether anything follows."""
        while True:
            space = SPACE.match(self._buffer, self._position)
            self._advance(space.end() if space else self._position)
            if self._position < len(self._buffer):
                return True
            if not self._read_more():
                return False

    def decode(self) -> tuple[Any, str]:
        """Decode the value that comes next, and go past it; return it and its text on one line.

        Raises:
            ValueError: what comes next is not a JSON value, or is longer than ``RECORD_CHARACTERS``.
        """
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._position)
            except JSONDecodeError as error:
                # Perhaps the rest of it has not been read yet.
                if len(self._buffer) - self._position <= RECORD_CHARACTERS and self._read_more():
                    continue
                raise JSONDecodeError(error.msg, self._buffer[self._position :], error.pos - self._position) from None
            if end == len(self._buffer) and self._read_more():
                continue  # it may be a number that continues
            return value, self._advance(end).replace("\n", " ")  # line breaks are between tokens only

    def _advance(self, end: int) -> str:
        """Go to ``end``, and return the text on the way."""
        skipped = self._buffer[self._position : end]
        self.line += skipped.count("\n")
        self._position = end
        return skipped

    def _read_more(self) -> bool:
        piece = self._file.read(max(2**16, len(self._buffer) - self._position))
        if piece:
            self._buffer, self._position = self._buffer[self._position :] + piece, 0
        return bool(piece)


def _reason(error: Exception) -> str:
    if isinstance(error, JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
