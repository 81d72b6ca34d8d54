"""ministack with the gaps closed, served until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack import app as ministack_app
from ministack.core import persistence
from ministack.services import iot

from . import (
    alarms,
    executions,
    firehose,
    functions,
    item_batcher,
    layers,
    loopback,
    metrics,
    queues,
    seam,
    topic_rules,
)

GRACE = 2.0  # seconds that open requests, such as long polls, may take at a stop

logger = logging.getLogger("emulator")


def serve(port: int, data: Path) -> None:
    """Close the gaps, then serve on 127.0.0.1 at ``port`` until told to stop; then the state is written."""
    loopback.install()
    for gap in (metrics, alarms, queues, executions, item_batcher, functions, topic_rules):
        gap.install()
    buffers = firehose.install(data / "firehose")
    layers.install(data / "layers")
    _raise_file_limit()
    logging.getLogger("persistence").setLevel(logging.WARNING)  # it tells of every file, every few seconds
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = GRACE
    config.keep_alive_timeout = 75
    asyncio.run(_serve(config, buffers))


async def _serve(config: Config, buffers: firehose.Buffers) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clocks = [
        asyncio.create_task(_every(0.25, buffers.deliver_due)),
        asyncio.create_task(_every(1, metrics.settle)),
        asyncio.create_task(_every(5, _sample_and_evaluate)),
        asyncio.create_task(_every(5, _write_state)),
    ]
    await hypercorn_serve(_stopping_cleanly(buffers, clocks), config, shutdown_trigger=stop.wait)


def _sample_and_evaluate() -> None:
    queues.sample()
    alarms.evaluate_all()


def _write_state() -> None:
    """As at a clean stop: so that a kill costs what happened since, some seconds, and not the whole session."""
    metrics.settle()
    persistence.save_all(ministack_app._build_persistence_save_dict())


async def _every(seconds: float, action: Callable[[], Awaitable[None] | None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            pending = action()
            if pending is not None:
                await pending
        except Exception:
            logger.exception("the clock of %s failed", getattr(action, "__qualname__", action))


def _stopping_cleanly(buffers: firehose.Buffers, clocks: list[asyncio.Task[None]]) -> Any:
    """ministack's application, which writes its state at its shutdown: nothing may be on its way into it then."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        async def receive_after_draining() -> Any:
            event = await receive()
            if event["type"] == "lifespan.shutdown":
                for clock in clocks:
                    clock.cancel()
                await asyncio.gather(*clocks, return_exceptions=True)
                await iot.mtls_stop()
                await buffers.drain()
                metrics.settle()
            return event

        async def send_when_mqtt_is_ready(event: Any) -> None:
            if event["type"] == "lifespan.startup.complete":
                # Python before 3.11.4 loses the first handshake of a listener that makes its certificate only then.
                await iot._mtls_context()
            await send(event)

        if scope["type"] == "lifespan":
            await ministack_app.app(scope, receive_after_draining, send_when_mqtt_is_ready)
            functions.stop_all()
        else:
            await ministack_app.app(scope, receive, send)

    seam.private(ministack_app, "app")
    seam.private(ministack_app, "_build_persistence_save_dict")
    seam.private(persistence, "save_all")
    seam.private(iot, "mtls_stop")
    seam.private(iot, "_mtls_context")
    return application


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
