"""SQS messages, journaled: after a kill, sent messages are there and deleted ones are not.

All producers (SendMessage, topic rules, SNS, EventBridge, S3) append to a queue's list, so the list writes the journal.
A kill makes received messages visible again and resets their receive counts, which at-least-once delivery allows.
A replay recognises a message that is already in the queue by its MessageId.
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
    """Replace each queue's list of messages with one that writes the journal."""
    patching.private(sqs, "_queues")._data = QueueTable()
    patching.replace(sqs, "_restore_state", _journal_restored_queues)
    journal.register("sent", "sqs", _replay_sent)
    journal.register("deleted", "sqs", _replay_deleted)
    state.when_restored(_install_replayed)


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
        """Plain copies of the messages; the values of their fields never change and are shared."""
        return [dict(message) for message in self]


def _journal_restored_queues(restore: Any) -> Any:
    def restore_journaled(saved: Any) -> None:
        restore(saved)
        for key, queue in list(sqs._queues._data.items()):
            sqs._queues._data[key] = queue

    return restore_journaled


def _by_id(key: Key) -> dict[str, Message] | None:
    if key not in _replayed and (queue := sqs._queues._data.get(key)) is not None:
        _replayed[key] = {message["id"]: message for message in queue["messages"]}
    return _replayed.get(key)


def _replay_sent(account: str, region: str, url: str, message: Message) -> None:
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


def _replay_deleted(account: str, region: str, url: str, ids: list[str]) -> None:
    messages = _by_id((account, region, url)) or {}
    for gone in ids:
        messages.pop(gone, None)


def _install_replayed() -> None:
    """Give the queues the messages that the replay produced."""
    for key, messages in _replayed.items():
        sqs._queues._data[key]["messages"] = Messages(key, messages.values())
    _replayed.clear()
