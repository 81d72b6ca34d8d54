"""The messages of SQS queues, journaled: what was sent is there after a kill, what was deleted is not.

All producers append to a queue's list (SendMessage, the topic rules, SNS, EventBridge, S3), so the list itself is what
keeps the journal. A kill makes a message that was received visible again and forgets how often it was received; SQS
promises at least one delivery, too. A message that is sent again by a replay is known by its MessageId.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex

from ministack.services import sqs

from . import patching, state
from .journal import journal

Message = dict[str, Any]
Key = tuple[str, str, str]
"""Account, region and URL of a queue."""

_replayed: dict[Key, dict[str, Message]] = {}


def install() -> None:
    """Make every queue's messages a list that is journaled."""
    patching.private(sqs, "_queues")._data = QueueTable()
    patching.replace(sqs, "_restore_state", _then_journaled)
    journal.register("sent", "sqs", _send_again)
    journal.register("deleted", "sqs", _delete_again)
    state.when_restored(_finish)


class QueueTable(dict[Key, dict[str, Any]]):
    """ministack's queues by key."""

    def __setitem__(self, key: Key, queue: dict[str, Any]) -> None:
        queue["messages"] = Messages(key, queue["messages"])
        super().__setitem__(key, queue)

    def __deepcopy__(self, memo: Any) -> dict[Key, dict[str, Any]]:
        return {key: {**queue, "messages": queue["messages"].copy()} for key, queue in self.items()}


class Messages(list[Message]):
    """The messages of one queue, oldest first."""

    def __init__(self, key: Key, messages: Iterable[Message]) -> None:
        super().__init__(messages)
        self._key = key

    def append(self, message: Message) -> None:
        with journal:
            super().append(message)
            journal.add("sent", *self._key, {name: value for name, value in message.items() if value is not None})

    def remove(self, message: Message) -> None:
        del self[self.index(message)]

    def __delitem__(self, position: SupportsIndex | slice) -> None:
        with journal:
            gone = self[position] if isinstance(position, slice) else [self[position]]
            super().__delitem__(position)
            journal.add("deleted", *self._key, [message["id"] for message in gone])

    def clear(self) -> None:
        del self[:]

    def copy(self) -> list[Message]:
        """As plain lists and dictionaries; what is below a message's own fields never changes."""
        return [dict(message) for message in self]


def _then_journaled(restore: Any) -> Any:
    def restore_journaled(saved: Any) -> None:
        restore(saved)
        for key, queue in list(sqs._queues._data.items()):
            sqs._queues._data[key] = queue

    return restore_journaled


def _by_id(key: Key) -> dict[str, Message] | None:
    if key not in _replayed and (queue := sqs._queues._data.get(key)) is not None:
        _replayed[key] = {message["id"]: message for message in queue["messages"]}
    return _replayed.get(key)


def _send_again(account: str, region: str, url: str, message: Message) -> None:
    messages = _by_id((account, region, url))
    if messages is None:
        return
    sqs._ensure_msg_fields(message)
    messages.setdefault(message["id"], message)
    if deduplicated := message.get("dedup_cache_key"):
        queue = sqs._queues._data[account, region, url]
        queue["fifo_seq"] = max(queue["fifo_seq"], int(message["seq"]))
        known = {"id": message["id"], "md5": message["md5_body"], "md5a": message["md5_attrs"], "seq": message["seq"]}
        queue["dedup_cache"][deduplicated] = {"expire": message["sent_at"] + sqs._DEDUP_WINDOW_S, **known}


def _delete_again(account: str, region: str, url: str, ids: list[str]) -> None:
    messages = _by_id((account, region, url)) or {}
    for gone in ids:
        messages.pop(gone, None)


def _finish() -> None:
    """Put what the replay made of the queues in place."""
    for key, messages in _replayed.items():
        sqs._queues._data[key]["messages"] = Messages(key, messages.values())
    _replayed.clear()
