"""The journal: what was acknowledged since a service's state was last written, so that a kill loses none of it.

An *event* is all that one request or message does to the services that keep a journal. Its entries are written by one
``write`` when the event ends, before anybody is told of it: after a kill it is there as a whole or not at all. The file
needs no fsync, because the death of this process does not take what the kernel has; a loss of power is no concern here.

A service's state says up to which position of the journal it was written; what follows is replayed at the start. So
the state of each service may be written whenever it suits, and still all of them agree.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

Position = tuple[int, int]
"""Number of a journal file, and an offset in it."""

START: Position = (0, 0)

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

logger = logging.getLogger("emulator")


class Journal:
    """Numbered files of one line an event. ``with journal:`` is an event, and excludes all other threads' events."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._entries: list[list[Any]] = []
        self._kinds: dict[str, tuple[str, Callable[..., None]]] = {}
        self._folder: Path | None = None
        self._number = 0
        self._size = 0
        self._file = -1

    def register(self, kind: str, service: str, replay: Callable[..., None]) -> None:
        """``replay`` takes the fields of an entry of ``kind`` at the start; ``service`` keeps the position.

        Without a service, entries of that kind are always replayed, from the beginning of each file.
        """
        self._kinds[kind] = (service, replay)

    # Writing

    def __enter__(self) -> Journal:
        self._lock.acquire()
        self._depth += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._depth == 1 and self._entries:
                entries, self._entries = self._entries, []
                self._write(entries)
        finally:
            self._depth -= 1
            self._lock.release()

    def add(self, kind: str, *fields: Any) -> None:
        """Add an entry to the current event. Fields are what JSON holds."""
        self._entries.append([kind, *fields])

    def _write(self, entries: list[list[Any]]) -> None:
        if self._file < 0:
            return
        text = _encode(entries).encode()
        line = b"%08x %b\n" % (zlib.crc32(text), text)
        try:
            written = os.write(self._file, line)
        except OSError as error:
            _give_up(str(error))
        if written != len(line):
            _give_up("no space left")
        self._size += written

    # Starting

    def open(self, folder: Path, positions: dict[str, Position]) -> int:
        """Replay what each service has not in its state, then begin a new file. How many events were replayed."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        replayed = 0
        with self:
            for number in self._numbers():
                for offset, entries in _events(self._path(number)):
                    replayed += self._replay(entries, (number, offset), positions)
                self._number = number
            self._entries.clear()
            self.rotate()
        return replayed

    def _replay(self, entries: list[list[Any]], at: Position, positions: dict[str, Position]) -> bool:
        wanted = False
        for kind, *fields in entries:
            service, replay = self._kinds[kind]
            if at >= positions.get(service, START):
                replay(*fields)
                wanted = True
        return wanted

    # Keeping it short

    @property
    def number(self) -> int:
        """Of the current file."""
        return self._number

    @property
    def size(self) -> int:
        """Bytes in the current file."""
        return self._size

    def position(self) -> Position:
        """Where the next event will be; ask within an event that has added nothing."""
        return self._number, self._size

    def rotate(self) -> Position:
        """Begin a new file; its beginning."""
        with self:
            self.close()
            self._number += 1
            self._file = os.open(self._path(self._number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            self._size = 0
            return self.position()

    def remove_before(self, position: Position) -> None:
        """Remove the files that end before ``position``."""
        for number in self._numbers():
            if number < position[0]:
                self._path(number).unlink()

    def close(self) -> None:
        """From now on nothing is written: the state is final."""
        with self:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _path(self, number: int) -> Path:
        assert self._folder is not None, "the journal is not open"  # noqa: S101
        return self._folder / f"{number:012d}.journal"

    def _numbers(self) -> list[int]:
        assert self._folder is not None, "the journal is not open"  # noqa: S101
        return sorted(int(path.stem) for path in self._folder.glob("*.journal"))


def _events(path: Path) -> Iterator[tuple[int, list[list[Any]]]]:
    """The events of a file and where each begins. A kill can cut the last one short: nobody was told of it."""
    offset = 0
    with path.open("rb") as lines:
        for line in lines:
            checksum, _, text = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
                logger.warning("%s ends with an event that was not completed, at %d", path.name, offset)
                return
            yield offset, json.loads(text)
            offset += len(line)


def _give_up(reason: str) -> NoReturn:
    """End as by a kill: what is in memory is ahead of the journal, and must not be acknowledged or written."""
    print(f"the journal cannot be written ({reason}): the emulator ends", file=sys.stderr, flush=True)
    os._exit(6)


journal = Journal()
