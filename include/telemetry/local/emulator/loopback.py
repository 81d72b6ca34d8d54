"""Servers listen on the loopback interface only.

ministack binds its MQTT listener, and some listeners that start on demand, to 0.0.0.0 regardless of its settings.
"""

from __future__ import annotations

import asyncio.base_events
import socket
import sys
from typing import Any

from . import patching

ALL_INTERFACES = ("0.0.0.0", "::", "", None)  # noqa: S104
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def install() -> None:
    """Bind servers that ask for all interfaces to loopback, and refuse every other address."""
    patching.replace(asyncio.base_events.BaseEventLoop, "create_server", _bind_to_loopback)
    sys.addaudithook(_refuse_other_addresses)


def _bind_to_loopback(create_server: Any) -> Any:
    async def on_loopback(loop: Any, factory: Any, host: Any = None, *rest: Any, **options: Any) -> Any:
        if options.get("sock") is None and host in ALL_INTERFACES:
            host = "127.0.0.1"
        return await create_server(loop, factory, host, *rest, **options)

    return on_loopback


def _refuse_other_addresses(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.bind":
        return
    sock, address = arguments
    if sock.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
        raise PermissionError(f"the emulator listens on 127.0.0.1 only, not on {address[0]!r}")
