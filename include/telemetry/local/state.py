"""The state folder: everything that the local stack remembers, in one place."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.errors import TelemetryError
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
            probe = folder / ".writable"
            probe.touch()
            probe.unlink()
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
        path = self.path(f"{name}.json")
        scratch = path.with_suffix(".new")
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
        scratch.replace(path)

    def port(self, service: str) -> int:
        """The port of ``service`` on 127.0.0.1: a free one at first, the same one ever after."""
        ports = self.read("ports")
        if service not in ports:
            ports[service] = free_port(taken=set(ports.values()))
            self.write("ports", ports)
        return int(ports[service])


def free_port(taken: set[int]) -> int:
    """A TCP port on 127.0.0.1 that nothing listens on and that is not in ``taken``."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
