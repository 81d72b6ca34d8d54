"""The state folder, which holds everything that the local stack stores."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.errors import TelemetryError
from telemetry.local.host.ports import free_port
from telemetry.paths import INCLUDE

PROJECT = INCLUDE.parent


@dataclass(frozen=True)
class State:
    """The state folder, ``.telemetry/`` at the project's root or ``$TELEMETRY_STATE``; readable by its owner only."""

    folder: Path

    @classmethod
    def open(cls) -> State:
        """Open the folder, and create it if it is missing.

        Raises:
            TelemetryError: the folder cannot be created or written.
        """
        folder = Path(os.environ.get("TELEMETRY_STATE") or PROJECT / ".telemetry").absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise TelemetryError(
                f"The state folder {folder} cannot be written: {error.strerror}.",
                "Make it writable, or name another one in TELEMETRY_STATE.",
            ) from error
        return cls(folder)

    def path(self, *parts: str) -> Path:
        """Return a path below the state folder, and create its parent folder."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def read(self, name: str) -> dict[str, Any]:
        """Read the document ``<name>.json``; empty if it does not exist.

        Raises:
            TelemetryError: it is not JSON.
        """
        path = self.folder / f"{name}.json"
        try:
            document: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise TelemetryError(
                f"{path} is not JSON: {error}.", "Delete it, or run `telemetry reset` to start afresh."
            ) from error
        return document

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Write ``document`` to ``<name>.json``, atomically and readable only by its owner."""
        write_private(self.path(f"{name}.json"), json.dumps(document, indent=2, sort_keys=True) + "\n")

    @contextmanager
    def edit(self, name: str) -> Iterator[dict[str, Any]]:
        """Change ``<name>.json`` in place: it is locked, and written when the block ends."""
        with self._lock():
            document = self.read(name)
            yield document
            self.write(name, document)

    def port(self, service: str) -> int:
        """Return the port of ``service`` on 127.0.0.1: a free one at first, then the same until it is forgotten."""
        with self.edit("ports") as ports:
            if service not in ports:
                ports[service] = free_port(taken=set(ports.values()))
            return int(ports[service])

    def forget_port(self, service: str) -> None:
        """Forget the port of ``service``, so that the next ``port`` chooses a new one."""
        with self.edit("ports") as ports:
            ports.pop(service, None)

    def secret(self, name: str, bytes_: int = 24) -> str:
        """Return the secret ``name``, random at first and then always the same, from a file only its owner can read."""
        path = self.path("secrets", name)
        with self._lock():
            if not path.exists():
                write_private(path, secrets.token_urlsafe(bytes_))
            return path.read_text()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other threads and processes from changing this state folder."""
        with open(self.path(".lock"), "w", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def write_private(path: Path, text: str) -> None:
    """Write ``path`` atomically, readable only by its owner."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    with open(scratch, "w", opener=_private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
