"""SQS: metrics, deletes that may be repeated, and receives that stay quick with many messages.

On AWS a message that is deleted already can be deleted again; ministack answers ReceiptHandleIsInvalid. It also walks
the whole queue for each message received or deleted, which makes draining a long queue quadratic.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import sqs

from . import seam
from .metrics import Metric, record

HANDLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def install() -> None:
    """Replace sending (to count), receiving and deleting (to be quick)."""
    for name in ("_queues", "_get_q", "_Err", "_ensure_msg_fields", "_validate_batch_entries"):
        seam.private(sqs, name)
    seam.replace(sqs, "_act_send_message", _counting)
    seam.replace(sqs, "_collect_msgs", _from_the_front)
    seam.replace(sqs, "_act_delete_message", lambda original: _delete)
    seam.replace(sqs, "_act_delete_message_batch", lambda original: _delete_batch)
    sqs._HANDLERS.update(SendMessage=sqs._act_send_message, DeleteMessage=_delete, DeleteMessageBatch=_delete_batch)


def _counting(send: Any) -> Any:
    def send_and_count(request: dict[str, Any], url: str) -> Any:
        result = send(request, url)
        record(_metric(get_account_id(), get_region(), request.get("QueueUrl", url), "NumberOfMessagesSent"))
        return result

    return send_and_count


def _metric(account: str, region: str, url: str, name: str, unit: str = "Count") -> Metric:
    return Metric(account, region, "AWS/SQS", name, (("QueueName", url.rsplit("/", 1)[-1]),), unit)


def sample() -> None:
    """Record every queue's depth and age, as AWS does each minute. Only the event loop's thread may call it."""
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


def _from_the_front(collect: Any) -> Any:
    """The first visible messages, without a look at those behind them."""

    def take(queue: dict[str, Any], most: int, timeout: int) -> list[dict[str, Any]]:
        if queue["is_fifo"]:
            taken: list[dict[str, Any]] = collect(queue, most, timeout)
            return taken
        now = time.time()
        taken = []
        for message in queue["messages"]:
            if len(taken) == most:
                break
            if message.get("visible_at", 0) > now:
                continue
            sqs._ensure_msg_fields(message)
            message["receipt_handle"] = new_uuid()
            message["visible_at"] = now + timeout
            message["receive_count"] += 1
            message["first_receive_at"] = message["first_receive_at"] or now
            taken.append(message)
        return taken

    return take


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
    for position in _found(queue["messages"], wanted):
        del queue["messages"][position]


def _found(messages: list[dict[str, Any]], wanted: set[str]) -> list[int]:
    """Positions of the messages to remove, last first. Messages received are near the front, so the walk ends early."""
    left = len(wanted)
    positions: list[int] = []
    for position, message in enumerate(messages):
        if message.get("receipt_handle") in wanted:
            positions.append(position)
            left -= 1
            if not left:
                break
    return positions[::-1]
