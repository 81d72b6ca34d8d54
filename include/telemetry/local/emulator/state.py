"""The state of the services on disk, so that a kill loses nothing that was acknowledged.

ministack writes its services' state at a clean stop only. Here a service's state is written before a request that
changed it is answered. Messages, records, metrics and executions are too many for that: they are in the journal, and
the state of the services that keep them is written once a while, which makes the journal short again.

Each file is replaced by a rename. There is no moment at which a kill leaves half a state.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ministack import app as ministack_app
from ministack.core import persistence
from ministack.services import cloudwatch, sqs, stepfunctions

from . import patching
from .journal import Position, journal

LARGEST_JOURNAL = 64 << 20
POSITION = "__journal__"
READING = ("BatchGet", "Describe", "Filter", "Get", "Head", "List", "Lookup", "Query", "Scan", "Search", "Select")
JOURNALED = (
    *("SendMessage", "SendMessageBatch", "DeleteMessage", "DeleteMessageBatch", "PurgeQueue", "ReceiveMessage"),
    *("ChangeMessageVisibility", "ChangeMessageVisibilityBatch"),
    *("PutRecord", "PutRecordBatch", "PutMetricData", "StartExecution", "StopExecution"),
)
PASSING = ("AssumeRole", "Publish", "PublishBatch", "PutEvents", "PutLogEvents", "SendTaskHeartbeat", "SendTaskSuccess")

logger = logging.getLogger("emulator")

_positions: dict[str, Position] = {}
_restored: list[Callable[[], None]] = []
_extra: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}


def install(folder: Path) -> None:
    """Save what requests change, keep positions in journaled services' state, and replay ``folder`` at the start."""
    for name in ("_state_format_version", "_json_default"):
        patching.private(persistence, name)
    for name in ("_state_map", "_build_persistence_save_dict", "SERVICE_REGISTRY"):
        patching.private(ministack_app, name)
    for key, module in (("sqs", sqs), ("cloudwatch", cloudwatch), ("stepfunctions", stepfunctions)):
        patching.replace(module, "get_state", _with_position)
        patching.replace(module, "_restore_state", partial(_taking_position, key))
    patching.replace(ministack_app, "_load_persisted_state", lambda original: _then_replay(original, folder))
    patching.replace(ministack_app, "save_all", lambda original: lambda services: _finish())
    handlers = patching.private(ministack_app, "SERVICE_HANDLERS")
    for service, handler in list(handlers.items()):
        handlers[service] = _saving(service, handler)


def keep(key: str, get_state: Callable[[], Any], restore: Callable[[Any], None]) -> None:
    """Keep the state of something of ours, journaled, like a service's."""
    _extra[key] = (_with_position(get_state), _taking_position(key, restore))


def when_restored(action: Callable[[], None]) -> None:
    """Call ``action`` once all state is loaded and the journal is replayed."""
    _restored.append(action)


def checkpoint() -> None:
    """Write the state of everything and begin a new journal. Only the event loop's thread may call it."""
    beginning = journal.rotate()
    states = {**ministack_app._build_persistence_save_dict(), **{key: kept[0] for key, kept in _extra.items()}}
    for key, get_state in states.items():
        save(key, get_state)
    journal.remove_before(beginning)


def _finish() -> None:
    """At a clean stop. What the end of the process does to executions, and they to queues, must not be kept."""
    checkpoint()
    journal.close()


def checkpoint_when_long() -> None:
    """Write the state if the journal has become long."""
    if journal.size > LARGEST_JOURNAL:
        checkpoint()


def checkpoint_unless_empty() -> None:
    """Write the state if there was any event since the last time."""
    if journal.size:
        checkpoint()


def save_alarms() -> None:
    """Write CloudWatch's state: an alarm that has notified must not do so again after a kill."""
    save("cloudwatch", cloudwatch.get_state)


def save(key: str, get_state: Callable[[], Any]) -> None:
    """Replace the file of a service's state; that of a service that has none stays.

    Raises:
        OSError: it cannot be written; the former file stays.
    """
    state = _calmly(get_state)
    if state is None:
        return
    document = {"__ministack_format__": persistence._state_format_version(key), "payload": state}
    path = Path(persistence.STATE_DIR) / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document, default=persistence._json_default))
    new.replace(path)


def _calmly(get_state: Callable[[], Any]) -> Any:
    """The state, asked for again where another thread changed it while it was copied."""
    for _ in range(20):
        try:
            return get_state()
        except RuntimeError:  # a dictionary changed its size
            time.sleep(0.001)
    return get_state()


def _with_position(get_state: Any) -> Any:
    def state_at_position() -> Any:
        with journal:
            return {**get_state(), POSITION: list(journal.position())}

    return state_at_position


def _taking_position(key: str, restore: Any) -> Any:
    def restore_and_remember(state: Any) -> None:
        if state:
            number, offset = state.pop(POSITION, (0, 0))
            _positions[key] = (number, offset)
        restore(state)

    return restore_and_remember


def _then_replay(load: Any, folder: Path) -> Any:
    def load_and_replay() -> None:
        load()
        for key, (_, restore) in _extra.items():
            restore(persistence.load_state(key))
        if replayed := journal.open(folder, _positions):
            logger.info("%d events since the state was last written", replayed)
        for action in _restored:
            action()
        checkpoint()

    return load_and_replay


def _saving(service: str, handle: Any) -> Any:
    registered = ministack_app.SERVICE_REGISTRY[service]
    keys = [registered.get("state_key", registered["module"]), *registered.get("sub_modules", ())]

    async def handle_and_save(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        answer = await handle(method, path, headers, body, query)
        if answer[0] < 400 and changes(service, method, path, headers, body, query):
            for key in keys:
                module: Any = sys.modules.get(f"ministack.services.{ministack_app._state_map[key]}")
                if hasattr(module, "get_state"):
                    save(key, module.get_state)
        return answer

    return handle_and_save


def changes(service: str, method: str, path: str, headers: Any, body: Any, query: Any) -> bool:
    """Whether a request may change state that is neither journaled nor, as S3's objects, a file of its own."""
    if service == "s3":
        return method not in ("GET", "HEAD") and "/" not in path.strip("/")
    action = _action(path, headers, body, query)
    if action:
        return not action.startswith(READING) and action not in JOURNALED and action not in PASSING
    passing = (service == "iot-data" and path.startswith("/topics/")) or path.endswith("/invocations")
    return method not in ("GET", "HEAD", "OPTIONS") and not passing


def _action(path: str, headers: Any, body: Any, query: Any) -> str:
    """The operation's name, empty for services that go by method and path."""
    target: str = headers.get("x-amz-target", "")
    if target:
        return target.rsplit(".", 1)[-1]
    if "/operation/" in path:
        return path.rsplit("/operation/", 1)[1]
    named = query.get("Action")
    if not named and "x-www-form-urlencoded" in headers.get("content-type", ""):
        named = parse_qs(os.fsdecode(body or b"")).get("Action")
    return str(named[0] if isinstance(named, list) else named or "")
