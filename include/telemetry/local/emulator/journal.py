"""The journal: all changes since the services' states were last saved, so that a kill loses none that was acknowledged.

An *event* is everything that one request or message changes in the services that use the journal. Its entries are
written by one ``write`` when the event ends, before it is acknowledged: after a kill the whole event is there, or none
of it. There is no fsync: what the kernel has taken survives the death of this process. A loss of power is out of scope.

Each saved state includes the position of the journal at which it was saved, and the next start replays what follows. So
the services' states may be saved at different times, and still agree.
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
"""Number of a journal file, and an offset in that file."""

START: Position = (0, 0)

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

logger = logging.getLogger("emulator")


class Journal:
    """Numbered files with one line per event. ``with journal:`` is one event; other threads' events wait for it."""

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
        """Call ``replay`` at the start with the fields of each entry of ``kind`` that the state of ``service`` lacks.

        With an empty ``service``, every entry of that kind is replayed.
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
        """Add an entry to the current event. Its fields must be JSON types."""
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
        """Replay what each service's state lacks, then begin a new file. Return the number of events replayed."""
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
        replayed = False
        for kind, *fields in entries:
            service, replay = self._kinds[kind]
            if at >= positions.get(service, START):
                replay(*fields)
                replayed = True
        return replayed

    # Keeping it short

    @property
    def number(self) -> int:
        """The number of the current file."""
        return self._number

    @property
    def size(self) -> int:
        """Bytes in the current file."""
        return self._size

    def position(self) -> Position:
        """The position of the next event; call it within an event that has no entries."""
        return self._number, self._size

    def rotate(self) -> Position:
        """Begin a new file, and return the position of its beginning."""
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
        """Write nothing from now on: the saved state is final."""
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
    """A file's events with their offsets. A kill can truncate the last one, which was not acknowledged."""
    offset = 0
    with path.open("rb") as lines:
        for line in lines:
            checksum, _, text = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
                logger.warning("%s ends with an incomplete event at %d", path.name, offset)
                return
            yield offset, json.loads(text)
            offset += len(line)


def _give_up(reason: str) -> NoReturn:
    """Exit at once, as by a kill: memory is ahead of the journal, so nothing may be acknowledged or saved."""
    print(f"the journal cannot be written ({reason}): the emulator ends", file=sys.stderr, flush=True)
    os._exit(6)


journal = Journal()
