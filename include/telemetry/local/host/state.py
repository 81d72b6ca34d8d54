"""The state folder: everything that the local stack remembers, in one place."""

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
        """Create the folder where it is missing.

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
        """A path below the state folder; its parent exists afterwards."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def read(self, name: str) -> dict[str, Any]:
        """The remembered document ``<name>.json``; empty where nothing was remembered yet."""
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
        """Remember ``document`` as ``<name>.json``: whole or not at all, for the owner's eyes."""
        write_private(self.path(f"{name}.json"), json.dumps(document, indent=2, sort_keys=True) + "\n")

    @contextmanager
    def edit(self, name: str) -> Iterator[dict[str, Any]]:
        """``<name>.json`` to change in place; written when the block ends, and nobody else writes meanwhile."""
        with self._lock():
            document = self.read(name)
            yield document
            self.write(name, document)

    def port(self, service: str) -> int:
        """The port of ``service`` on 127.0.0.1: a free one at first, the same one until it is forgotten."""
        with self.edit("ports") as ports:
            if service not in ports:
                ports[service] = free_port(taken=set(ports.values()))
            return int(ports[service])

    def forget_port(self, service: str) -> None:
        """Let the next ``port`` choose anew."""
        with self.edit("ports") as ports:
            ports.pop(service, None)

    def secret(self, name: str, bytes_: int = 24) -> str:
        """The secret ``name``: random at first, the same ever after, in a file for the owner's eyes (mode 0600)."""
        path = self.path("secrets", name)
        with self._lock():
            if not path.exists():
                write_private(path, secrets.token_urlsafe(bytes_))
            return path.read_text()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold back other threads and processes that use this state folder."""
        with open(self.path(".lock"), "w", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def write_private(path: Path, text: str) -> None:
    """Write ``path`` whole or not at all, readable by its owner only."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    with open(scratch, "w", opener=_private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
