"""Between a worker and PostgreSQL: a proxy that cuts the connection at a chosen point of the protocol."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Self

from faults.harness.steps import database_at
from faults.harness.worker import Fault


@dataclass
class Wire:
    """A proxy on loopback in front of a server's ``port``.

    When a client has sent ``pattern`` and ``more`` bytes after it, the connection is cut: ``answered`` says whether the
    server gets what was sent until then, and answers into the void, or never sees it. The first ``times`` times.
    """

    port: int
    pattern: bytes
    more: int = 0
    answered: bool = False
    times: int = 1
    cuts: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def address(self) -> int:
        """The proxy's own port."""
        return int(self._listener.getsockname()[1])

    def through(self) -> Fault:
        """The worker reaches the database by this way."""
        return database_at(self.address)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                lost = threading.Event()
                threading.Thread(target=self._upwards, args=(client, server, lost), daemon=True).start()
                threading.Thread(target=_downwards, args=(server, client, lost), daemon=True).start()

    def _upwards(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        since: int | None = None
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if since is None:
                    place = data.find(self.pattern)
                    since = len(data) - place - len(self.pattern) if place >= 0 else None
                else:
                    since += len(data)
                if since is not None and since >= self.more and self._cuts_now():
                    if self.answered:
                        lost.set()
                        server.sendall(data)
                        return
                    break
                server.sendall(data)
        _close(client)
        _close(server)

    def _cuts_now(self) -> bool:
        with self._lock:
            if self.cuts >= self.times:
                return False
            self.cuts += 1
            return True


def _downwards(server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
    """The server's answers; once one is to be lost, the client's connection ends when it comes."""
    with contextlib.suppress(OSError):
        while (data := server.recv(65536)) and not lost.is_set():
            client.sendall(data)
    _close(client)
    _close(server)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
