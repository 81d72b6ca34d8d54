"""The records of a JSON array or of JSON Lines, one after the other, each with its own text."""

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
    """One record of a file: where it is there, for a message; its value; its text, without a line break."""

    where: str
    value: Any
    text: str


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


DECODER = JSONDecoder(parse_constant=_refuse)


def json_lines(path: Path, file: TextIO) -> Iterator[Record]:
    """A record a line; empty lines are passed.

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
    """The items of the one array that the file is.

    Raises:
        TelemetryError: the file is not JSON.
    """
    text = _Text(file)
    text.take("[")
    number = 0
    if not text.take("]"):
        while True:
            number += 1
            text.left()
            where = f"{path}:{text.line}: record {number}"
            try:
                record, raw = text.value()
            except (ValueError, RecursionError) as error:
                raise TelemetryError(f"{where}: not JSON: {_reason(error)}.") from error
            yield Record(where, record, raw)
            if text.take("]"):
                break
            if not text.take(","):
                raise TelemetryError(f"{where}: not JSON: neither a comma nor the array's end follows.")
    if text.left():
        raise TelemetryError(f"{path}:{text.line}: not JSON: something follows the array's end.")


class _Text:
    """A JSON text of any length, read piece by piece; ``line`` is that of what comes next."""

    def __init__(self, file: TextIO) -> None:
        self.line = 1
        self._file, self._held, self._at = file, "", 0

    def take(self, mark: str) -> bool:
        """Whether ``mark`` comes next, past white space; if so it is passed."""
        found = self.left() and self._held[self._at] == mark
        self._at += found
        return found

    def left(self) -> bool:
        """Whether anything but white space is left; the white space is passed."""
        while True:
            space = SPACE.match(self._held, self._at)
            self._pass(space.end() if space else self._at)
            if self._at < len(self._held):
                return True
            if not self._more():
                return False

    def value(self) -> tuple[Any, str]:
        """The value that comes next, and its text on one line.

        Raises:
            ValueError: what comes next is no JSON value, or one of more than ``RECORD_CHARACTERS``.
        """
        while True:
            try:
                value, end = DECODER.raw_decode(self._held, self._at)
            except JSONDecodeError as error:
                # Perhaps only its end is missing.
                if len(self._held) - self._at <= RECORD_CHARACTERS and self._more():
                    continue
                raise JSONDecodeError(error.msg, self._held[self._at :], error.pos - self._at) from None
            if end == len(self._held) and self._more():
                continue  # a number may go on
            return value, self._pass(end).replace("\n", " ")  # JSON breaks lines between values only

    def _pass(self, end: int) -> str:
        """Go on to ``end``, and return what was passed."""
        passed = self._held[self._at : end]
        self.line += passed.count("\n")
        self._at = end
        return passed

    def _more(self) -> bool:
        piece = self._file.read(max(2**16, len(self._held) - self._at))
        if piece:
            self._held, self._at = self._held[self._at :] + piece, 0
        return bool(piece)


def _reason(error: Exception) -> str:
    if isinstance(error, JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
