"""Nothing listens beyond 127.0.0.1.

ministack binds its MQTT listener, and a few others that start on demand, to 0.0.0.0 whatever it is told.
"""

from __future__ import annotations

import asyncio.base_events
import socket
import sys
from typing import Any

from . import patching

ANYWHERE = ("0.0.0.0", "::", "", None)  # noqa: S104
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def install() -> None:
    """Move servers that ask for every interface to loopback, and refuse any other address that is not loopback."""
    patching.replace(asyncio.base_events.BaseEventLoop, "create_server", _on_loopback)
    sys.addaudithook(_refuse_other_addresses)


def _on_loopback(create_server: Any) -> Any:
    async def on_loopback(loop: Any, factory: Any, host: Any = None, *rest: Any, **options: Any) -> Any:
        if options.get("sock") is None and host in ANYWHERE:
            host = "127.0.0.1"
        return await create_server(loop, factory, host, *rest, **options)

    return on_loopback


def _refuse_other_addresses(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.bind":
        return
    sock, address = arguments
    if sock.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
        raise PermissionError(f"the emulator listens on 127.0.0.1 only, not on {address[0]!r}")
