"""Ports on 127.0.0.1: finding a free one, and saying who holds a taken one."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import psutil

from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.local.host.state import State

LOOPBACK = "127.0.0.1"

# Below the range that the operating system lends to outgoing connections (Linux from 32768, macOS from 49152): any of
# those could hold a remembered port at the wrong moment.
CANDIDATES = range(20000, 32000)


def free_port(taken: set[int]) -> int:
    """A TCP port on 127.0.0.1 that nothing listens on and that is not in ``taken``.

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
        # As servers do: connections of the last run that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def claim_port(state: State, service: str) -> int:
    """The port that ``service``, which does not run now, is to listen on.

    Raises:
        TelemetryError: something else took the port. It is forgotten, so that the next start finds another.
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
    """Who listens on ``port``, for a message: program and process id where this user may know them."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass  # another user's process, or macOS, where only root may ask
    return "another program"
