"""SQS: metrics, idempotent deletes, and fast receives from long queues.

On AWS a message can be deleted twice; ministack answers the second time with ReceiptHandleIsInvalid. It also scans the
whole queue for each message received or deleted, so draining a long queue takes quadratic time. Its poller for Lambda
replaces a queue's list of messages, which loses messages that are sent at that moment.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import sqs

from . import patching, queue_messages
from .journal import journal
from .metrics import Metric, record

EXPIRY_EVERY = 5.0
HANDLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def install() -> None:
    """Patch sending (to count), and receiving and deleting (to be fast)."""
    for name in ("_queues", "_get_q", "_Err", "_ensure_msg_fields", "_validate_batch_entries", "_queue_by_arn"):
        patching.private(sqs, name)
    queue_messages.install()
    patching.replace(sqs, "_act_send_message", _count_sent)
    patching.replace(sqs, "_act_send_message_batch", _in_one_event)
    patching.replace(sqs, "_collect_msgs", _receive_from_front)
    patching.replace(sqs, "_dlq_sweep", lambda original: _sweep)
    patching.replace(sqs, "_expire_retained", lambda original: _expire)
    patching.replace(sqs, "_act_delete_message", lambda original: _delete)
    patching.replace(sqs, "_act_delete_message_batch", lambda original: _delete_batch)
    patching.replace(sqs, "_receive_messages_for_esm", _in_one_event)
    patching.replace(sqs, "_delete_messages_for_esm", lambda original: _delete_for_function)
    handlers = patching.private(sqs, "_HANDLERS")
    for action, name in (("SendMessage", "send_message"), ("DeleteMessage", "delete_message")):
        handlers[action] = getattr(sqs, f"_act_{name}")
        handlers[f"{action}Batch"] = getattr(sqs, f"_act_{name}_batch")


def _in_one_event(act: Any) -> Any:
    def act_in_event(*arguments: Any) -> Any:
        with journal:
            return act(*arguments)

    return act_in_event


def _count_sent(send: Any) -> Any:
    def send_and_count(request: dict[str, Any], url: str) -> Any:
        with journal:
            result = send(request, url)
            record(_metric(get_account_id(), get_region(), request.get("QueueUrl", url), "NumberOfMessagesSent"))
        return result

    return send_and_count


@lru_cache(maxsize=1024)
def _metric(account: str, region: str, url: str, name: str, unit: str = "Count") -> Metric:
    return Metric(account, region, "AWS/SQS", name, (("QueueName", url.rsplit("/", 1)[-1]),), unit)


def sample() -> None:
    """Record the depth and age of every queue. Only the event loop's thread may call it."""
    now = time.time()
    for (account, region, url), queue in list(sqs._queues._data.items()):
        messages = queue["messages"]
        hidden = sum(m.get("visible_at", 0) > now and m.get("receive_count", 0) > 0 for m in messages)
        delayed = sum(m.get("visible_at", 0) > now and m.get("receive_count", 0) == 0 for m in messages)
        age = max(0.0, now - min((m.get("sent_at", now) for m in messages), default=now))
        visible = len(messages) - hidden - delayed
        record(_metric(account, region, url, "ApproximateNumberOfMessagesVisible"), visible)
        record(_metric(account, region, url, "ApproximateNumberOfMessagesNotVisible"), hidden)
        record(_metric(account, region, url, "ApproximateAgeOfOldestMessage", "Seconds"), age)


def _receive_from_front(collect: Any) -> Any:
    """Receive the first visible messages without scanning the rest of the queue.

    As on AWS, a message that was received too often moves to the dead-letter queue instead of being received again.
    """

    def take(queue: dict[str, Any], most: int, timeout: int) -> list[dict[str, Any]]:
        with journal:
            if queue["is_fifo"]:
                taken: list[dict[str, Any]] = collect(queue, most, timeout)
                return taken
            taken, dead = [], []
            dead_letters, most_receives = _redrive(queue)
            now = time.time()
            for position, message in enumerate(queue["messages"]):
                if len(taken) == most:
                    break
                if message.get("visible_at", 0) > now:
                    continue
                sqs._ensure_msg_fields(message)
                if dead_letters is not None and message["receive_count"] >= most_receives:
                    dead.append(position)
                    continue
                message["receipt_handle"] = new_uuid()
                message["visible_at"] = now + timeout
                message["receive_count"] += 1
                message["first_receive_at"] = message["first_receive_at"] or now
                taken.append(message)
            for position in reversed(dead):
                _move(queue, position, dead_letters)
            return taken

    return take


def _redrive(queue: dict[str, Any]) -> tuple[dict[str, Any] | None, int]:
    """The dead-letter queue, or None, and how often a message may be received before it moves there."""
    policy = queue["attributes"].get("RedrivePolicy")
    if not policy:
        return None, 0
    given = json.loads(policy)
    return sqs._queue_by_arn(given["deadLetterTargetArn"]), int(given["maxReceiveCount"])


def _move(queue: dict[str, Any], position: int, dead_letters: Any) -> None:
    """Move a message to the dead-letter queue, where it keeps its MessageId and its time of sending."""
    message = queue["messages"][position]
    origin = {"DeadLetterQueueSourceArn": queue["attributes"]["QueueArn"]}
    moved = {**message, "receipt_handle": None, "visible_at": time.time(), "sys": {**origin, **message["sys"]}}
    del queue["messages"][position]
    dead_letters["messages"].append(moved)


def _sweep(queue: dict[str, Any]) -> None:
    """Move messages of a FIFO queue that were received too often; other queues do so when they receive."""
    dead_letters, most_receives = _redrive(queue) if queue["is_fifo"] else (None, 0)
    if dead_letters is None:
        return
    now = time.time()
    with journal:
        messages = queue["messages"]
        dead = [n for n, m in enumerate(messages) if m["receive_count"] >= most_receives and m["visible_at"] <= now]
        for position in reversed(dead):
            _move(queue, position, dead_letters)


def _expire(queue: dict[str, Any]) -> None:
    """Delete messages older than the retention period, scanning a queue at most once per ``EXPIRY_EVERY``."""
    now = time.time()
    if now < _expired.get(queue["url"], 0) + EXPIRY_EVERY:
        return
    _expired[queue["url"]] = now
    oldest = now - int(queue["attributes"].get("MessageRetentionPeriod", "345600"))
    messages = queue["messages"]
    with journal:
        old = [n for n, m in enumerate(messages) if m.get("enqueued_at", m.get("sent_at", now)) <= oldest]
        for position in reversed(old):
            del messages[position]


_expired: dict[str, float] = {}


def _delete_for_function(url: str, handles: set[str]) -> None:
    _remove(sqs._get_q(url), handles)


def _delete(request: dict[str, Any], url: str) -> dict[str, Any]:
    handle = request.get("ReceiptHandle", "")
    if not handle:
        raise sqs._Err("MissingParameter", "The request must contain the parameter ReceiptHandle.")
    if not HANDLE.fullmatch(handle):
        raise sqs._Err("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
    _remove(sqs._get_q(request.get("QueueUrl", url), "sqs:DeleteMessage"), [handle])
    return {}


def _delete_batch(request: dict[str, Any], url: str) -> dict[str, Any]:
    queue = sqs._get_q(request.get("QueueUrl", url), "sqs:DeleteMessage")
    entries = request.get("Entries", [])
    sqs._validate_batch_entries(entries, "DeleteMessageBatchRequestEntry")
    valid = {
        entry["Id"]: entry["ReceiptHandle"] for entry in entries if HANDLE.fullmatch(entry.get("ReceiptHandle", ""))
    }
    _remove(queue, valid.values())
    refused = {"Code": "ReceiptHandleIsInvalid", "Message": "The input receipt handle is invalid.", "SenderFault": True}
    return {
        "Successful": [{"Id": entry["Id"]} for entry in entries if entry["Id"] in valid],
        "Failed": [{"Id": entry["Id"], **refused} for entry in entries if entry["Id"] not in valid],
    }


def _remove(queue: dict[str, Any], handles: Iterable[str]) -> None:
    wanted = set(handles)
    with journal:
        for position in _positions(queue["messages"], wanted):
            del queue["messages"][position]


def _positions(messages: list[dict[str, Any]], wanted: set[str]) -> list[int]:
    """Positions of the messages to remove, last first; received messages are near the front, so the scan ends early."""
    left = len(wanted)
    positions: list[int] = []
    for position, message in enumerate(messages):
        if message.get("receipt_handle") in wanted:
            positions.append(position)
            left -= 1
            if not left:
                break
    return positions[::-1]
