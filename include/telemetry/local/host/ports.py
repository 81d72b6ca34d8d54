"""Ports on 127.0.0.1: find a free one, and tell who listens on a taken one."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import psutil

from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.local.host.state import State

LOOPBACK = "127.0.0.1"

# Below the range that the operating system uses for outgoing connections (Linux from 32768, macOS from 49152): one of
# those could take a remembered port.
CANDIDATES = range(20000, 32000)


def free_port(taken: set[int]) -> int:
    """Find a TCP port on 127.0.0.1 that nothing listens on and that is not in ``taken``.

    Raises:
        TelemetryError: every candidate is in use.
    """
    for port in random.sample(CANDIDATES, k=len(CANDIDATES)):
        if port not in taken and is_free(port):
            return port
    raise TelemetryError(f"No port between {CANDIDATES.start} and {CANDIDATES.stop} is free on {LOOPBACK}.")


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do, so that connections in TIME_WAIT from the last run do not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def claim_port(state: State, service: str) -> int:
    """Return the port for ``service``, which is not running, to listen on.

    Raises:
        TelemetryError: another program listens on the port. It is forgotten, so that the next start uses another.
    """
    port = state.port(service)
    if not is_free(port):
        state.forget_port(service)
        raise TelemetryError(
            f"Port {port} of {LOOPBACK}, where {service} was to listen, is taken by {holder(port)}.",
            f"Run `telemetry up` again: it will give {service} another port.",
        )
    return port


def holder(port: int) -> str:
    """Say who listens on ``port``: the program and its process id, if this user may see them."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass  # another user's process, or macOS, where only root may ask
    return "another program"
