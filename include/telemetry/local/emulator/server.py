"""Serve the patched ministack until SIGTERM or SIGINT."""

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
from ministack.services import iot

from . import (
    alarms,
    durable_executions,
    executions,
    firehose,
    functions,
    item_batcher,
    layers,
    loopback,
    metrics,
    object_files,
    patching,
    publishing,
    queues,
    state,
    topic_rules,
)

GRACE = 2.0  # seconds that open requests, such as long polls, get to finish at a stop

logger = logging.getLogger("emulator")


def serve(port: int, data: Path, checkpoint_seconds: float) -> None:
    """Patch ministack, serve on 127.0.0.1 at ``port`` until told to stop, then save the state."""
    loopback.install()
    for gap in (metrics, alarms, queues, executions, durable_executions, item_batcher, functions, topic_rules):
        gap.install()
    buffers = firehose.install()
    unmatched = publishing.install()
    layers.install(data / "layers")
    object_files.install(data / "puts")
    state.install(data / "journal")
    state.when_restored(durable_executions.discard_interrupted_work)
    _raise_file_limit()
    logging.getLogger("persistence").setLevel(logging.WARNING)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = GRACE
    config.keep_alive_timeout = 75
    asyncio.run(_serve(config, buffers, unmatched, checkpoint_seconds))


async def _serve(
    config: Config, buffers: firehose.Buffers, unmatched: publishing.UnmatchedTopics, checkpoint_seconds: float
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clocks: list[asyncio.Task[None]] = []

    def start() -> None:
        clocks.extend(
            asyncio.create_task(clock)
            for clock in (
                _every(0.25, buffers.deliver_due),
                _every(1, metrics.settle),
                _every(1, state.checkpoint_when_long),
                _every(5, _sample_and_evaluate),
                _every(checkpoint_seconds, state.checkpoint_unless_empty),
                _resume_when_ready(),
            )
        )

    application = _with_unmatched_topics(unmatched, _with_clean_stop(buffers, clocks, start))
    await hypercorn_serve(application, config, shutdown_trigger=stop.wait)


async def _resume_when_ready() -> None:
    while ministack_app._ready_scripts_state["status"] != "completed" or ministack_app._iot_mtls_state == "starting":
        await asyncio.sleep(0.05)
    durable_executions.resume_all()


def _sample_and_evaluate() -> None:
    queues.sample()
    if alarms.evaluate_all():
        state.save_alarms()


async def _every(seconds: float, action: Callable[[], Awaitable[None] | None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            pending = action()
            if pending is not None:
                await pending
        except Exception:
            logger.exception("the periodic %s failed", getattr(action, "__qualname__", action))


def _with_clean_stop(buffers: firehose.Buffers, clocks: list[asyncio.Task[None]], start: Callable[[], None]) -> Any:
    """Wrap ministack's application so that all work has ended before it saves its state at shutdown."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        async def receive_after_draining() -> Any:
            event = await receive()
            if event["type"] == "lifespan.shutdown":
                for clock in clocks:
                    clock.cancel()
                await asyncio.gather(*clocks, return_exceptions=True)
                await iot.mtls_stop()
                await buffers.drain()
            return event

        async def send_when_mqtt_is_ready(event: Any) -> None:
            if event["type"] == "lifespan.startup.complete":
                # Python before 3.11.4 loses the first handshake of a listener that makes its certificate only then.
                await iot._mtls_context()
                start()
            await send(event)

        if scope["type"] == "lifespan":
            await ministack_app.app(scope, receive_after_draining, send_when_mqtt_is_ready)
            functions.stop_all()
        else:
            await ministack_app.app(scope, receive, send)

    for name in ("app", "_ready_scripts_state", "_iot_mtls_state"):
        patching.private(ministack_app, name)
    patching.private(iot, "mtls_stop")
    patching.private(iot, "_mtls_context")
    return application


def _with_unmatched_topics(unmatched: publishing.UnmatchedTopics, application: Any) -> Any:
    async def application_and_topics(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == publishing.UNMATCHED_PATH:
            await publishing.answer(unmatched, send)
        else:
            await application(scope, receive, send)

    return application_and_topics


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
