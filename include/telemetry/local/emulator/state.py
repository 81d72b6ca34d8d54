"""The state of the services on disk, so that a kill loses nothing that was acknowledged.

ministack saves its services' state at a clean stop only. Here a service's state is saved before a request that changed
it is answered. Messages, records, metrics and executions change too often for that. They are journaled, and a
checkpoint now and then saves the state of all services and begins a new journal file.

Each state file is replaced by a rename, so a kill never leaves half a file.
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
UNSAVED = ("AssumeRole", "Publish", "PublishBatch", "PutEvents", "PutLogEvents", "SendTaskHeartbeat", "SendTaskSuccess")

logger = logging.getLogger("emulator")

_positions: dict[str, Position] = {}
_restored: list[Callable[[], None]] = []
_own_states: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}


def install(folder: Path) -> None:
    """Save what requests change, add the journal's position to saved states, and replay ``folder`` at the start."""
    for name in ("_state_format_version", "_json_default"):
        patching.private(persistence, name)
    for name in ("_state_map", "_build_persistence_save_dict", "SERVICE_REGISTRY"):
        patching.private(ministack_app, name)
    for key, module in (("sqs", sqs), ("cloudwatch", cloudwatch), ("stepfunctions", stepfunctions)):
        patching.replace(module, "get_state", _add_position)
        patching.replace(module, "_restore_state", partial(_remember_position, key))
    patching.replace(ministack_app, "_load_persisted_state", lambda original: _replay_after_load(original, folder))
    patching.replace(ministack_app, "save_all", lambda original: lambda services: _finish())
    handlers = patching.private(ministack_app, "SERVICE_HANDLERS")
    for service, handler in list(handlers.items()):
        handlers[service] = _save_after(service, handler)


def keep(key: str, get_state: Callable[[], Any], restore: Callable[[Any], None]) -> None:
    """Save and restore a journaled state of our own, as if it were a service's."""
    _own_states[key] = (_add_position(get_state), _remember_position(key, restore))


def when_restored(action: Callable[[], None]) -> None:
    """Call ``action`` after all state is loaded and the journal is replayed."""
    _restored.append(action)


def checkpoint() -> None:
    """Save all state and begin a new journal file. Only the event loop's thread may call it."""
    beginning = journal.rotate()
    states = {**ministack_app._build_persistence_save_dict(), **{key: kept[0] for key, kept in _own_states.items()}}
    for key, get_state in states.items():
        save(key, get_state)
    journal.remove_before(beginning)


def _finish() -> None:
    """Save all state at a clean stop, and close the journal: later effects of the shutdown must not be kept."""
    checkpoint()
    journal.close()


def checkpoint_when_long() -> None:
    """Checkpoint if the journal is long."""
    if journal.size > LARGEST_JOURNAL:
        checkpoint()


def checkpoint_unless_empty() -> None:
    """Checkpoint if there was any event since the last one."""
    if journal.size:
        checkpoint()


def save_alarms() -> None:
    """Save CloudWatch's state: an alarm that has notified must not notify again after a kill."""
    save("cloudwatch", cloudwatch.get_state)


def save(key: str, get_state: Callable[[], Any]) -> None:
    """Save a service's state; without a state, the former file stays.

    Raises:
        OSError: the file cannot be written; the former one stays.
    """
    state = _retry_while_changing(get_state)
    if state is None:
        return
    document = {"__ministack_format__": persistence._state_format_version(key), "payload": state}
    path = Path(persistence.STATE_DIR) / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document, default=persistence._json_default))
    new.replace(path)


def _retry_while_changing(get_state: Callable[[], Any]) -> Any:
    """Get the state, again if another thread changed it while it was copied."""
    for _ in range(20):
        try:
            return get_state()
        except RuntimeError:  # a dictionary changed its size
            time.sleep(0.001)
    return get_state()


def _add_position(get_state: Any) -> Any:
    def get_state_and_position() -> Any:
        with journal:
            return {**get_state(), POSITION: list(journal.position())}

    return get_state_and_position


def _remember_position(key: str, restore: Any) -> Any:
    def restore_and_remember(state: Any) -> None:
        if state:
            number, offset = state.pop(POSITION, (0, 0))
            _positions[key] = (number, offset)
        restore(state)

    return restore_and_remember


def _replay_after_load(load: Any, folder: Path) -> Any:
    def load_and_replay() -> None:
        load()
        for key, (_, restore) in _own_states.items():
            restore(persistence.load_state(key))
        if replayed := journal.open(folder, _positions):
            logger.info("%d events since the state was last written", replayed)
        for action in _restored:
            action()
        checkpoint()

    return load_and_replay


def _save_after(service: str, handle: Any) -> Any:
    registered = ministack_app.SERVICE_REGISTRY[service]
    keys = [registered.get("state_key", registered["module"]), *registered.get("sub_modules", ())]

    async def handle_and_save(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        answer = await handle(method, path, headers, body, query)
        if answer[0] < 400 and changes_saved_state(service, method, path, headers, body, query):
            for key in keys:
                module: Any = sys.modules.get(f"ministack.services.{ministack_app._state_map[key]}")
                if hasattr(module, "get_state"):
                    save(key, module.get_state)
        return answer

    return handle_and_save


def changes_saved_state(service: str, method: str, path: str, headers: Any, body: Any, query: Any) -> bool:
    """Whether a request may change state that is neither journaled nor an S3 object's file."""
    if service == "s3":
        return method not in ("GET", "HEAD") and "/" not in path.strip("/")
    action = _action(path, headers, body, query)
    if action:
        return not action.startswith(READING) and action not in JOURNALED and action not in UNSAVED
    unsaved = (service == "iot-data" and path.startswith("/topics/")) or path.endswith("/invocations")
    return method not in ("GET", "HEAD", "OPTIONS") and not unsaved


def _action(path: str, headers: Any, body: Any, query: Any) -> str:
    """The operation's name, empty for services that have method and path instead."""
    target: str = headers.get("x-amz-target", "")
    if target:
        return target.rsplit(".", 1)[-1]
    if "/operation/" in path:
        return path.rsplit("/operation/", 1)[1]
    named = query.get("Action")
    if not named and "x-www-form-urlencoded" in headers.get("content-type", ""):
        named = parse_qs(os.fsdecode(body or b"")).get("Action")
    return str(named[0] if isinstance(named, list) else named or "")
