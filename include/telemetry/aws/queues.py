"""Queues from the outside: how deep they are, and dead letters, received too often without being deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from telemetry.errors import TelemetryError
from telemetry.lake.envelopes import as_line, envelope_of, open_envelope

AT_ONCE = 10
"""Messages that SQS takes or gives in one call (API reference, ReceiveMessage)."""
BATCH_BYTES = 256 * 1024
"""Bytes that SQS takes in one call, whatever the quota of the account."""
HIDDEN_SECONDS = 60
"""How long a message that was received is kept from others; if we die, it is back after that."""
LOOKED_AT_A_SECOND = 100
"""Messages, at the least: who looks at many hides them for longer, so that none is back before the last is seen."""
HIDDEN_MAX = 43_200
"""Seconds that SQS hides a message at the most (API reference, ReceiveMessage)."""
WAIT_SECONDS = 1
"""A long poll asks all of SQS's servers; it returns as soon as there is a message."""
EMPTY_ROUNDS = 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SqsMessage = dict[str, Any]


@dataclass(frozen=True)
class DeadMessage:
    """A message in a dead-letter queue.

    ``message_id`` is its envelope's, by which the ledger knows it; ``received_at`` is when the topic rule took it,
    ``sent_at`` when it entered the queue. ``size`` is the payload's, in bytes.
    """

    message_id: str
    sent_at: datetime
    received_at: datetime
    topic: str | None
    size: int
    receive_count: int
    payload: bytes


@dataclass
class Redriven:
    """How many messages are in the queue again, and how many SQS would not take: those stay where they were."""

    moved: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    """Why, by SQS's id of the message."""


def queue_url(sqs: Any, name: str) -> str:
    """The address of a queue.

    Raises:
        TelemetryError: there is no such queue.
    """
    try:
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist as error:
        raise TelemetryError(
            f"There is no queue {name}.", "`telemetry up` creates the queues of new streams."
        ) from error


def depth(sqs: Any, url: str) -> int:
    """About how many messages a queue has: those to be received, those received and not deleted, and those delayed."""
    counts = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    return sum(int(found.get(count, 0)) for count in counts)


def look(sqs: Any, url: str, most: int) -> Iterator[SqsMessage]:
    """At most so many of a queue's messages, each once and one at a time; SQS may not give all that it has.

    They are hidden from others until all of them were looked at, and then given back: each look counts as a receive.
    Of a message no more than its id and its handle is kept. Where SQS is slower than ``LOOKED_AT_A_SECOND``, the look
    ends before the first messages are back.
    """
    hidden = min(HIDDEN_SECONDS + most // LOOKED_AT_A_SECOND, HIDDEN_MAX)
    end = time.monotonic() + hidden
    handles: dict[str, str] = {}
    try:
        for messages in _rounds(sqs, url, lambda: most - len(handles) if time.monotonic() < end else 0, hidden):
            new = [message for message in messages if message["MessageId"] not in handles]
            handles.update((message["MessageId"], message["ReceiptHandle"]) for message in messages)
            yield from new
    finally:
        _give_back(sqs, url, list(handles.values()))


def list_dead(sqs: Any, url: str, limit: int) -> list[DeadMessage]:
    """At most so many messages, those that were sent first before the others; SQS may not give all that it has.

    They are received to be looked at, and then given back: each look counts as a receive.
    """
    return sorted(map(_dead, look(sqs, url, limit)), key=lambda message: message.sent_at)


def message_id_and_time(message: SqsMessage) -> tuple[str, datetime]:
    """The id of a message's envelope and when the topic rule took it; of one without, SQS's id and when it was sent."""
    document = orjson.loads(_line(message))
    return document["message_id"], _moment(document["received_at"])


def redrive(
    sqs: Any, source: str, target: str, on_progress: Callable[[int], object] = lambda messages: None
) -> Redriven:
    """Send every message of the queue ``source`` to the queue ``target`` and then delete it, envelopes as they are.

    A body without an envelope is put in the one that draining would have put it in, since it gets another id of SQS's
    now. So wherever this dies, a message is in one of the queues or in both, and the ledger knows it by its envelope.
    """
    done = Redriven()
    for messages in _rounds(sqs, source, lambda: AT_ONCE, HIDDEN_SECONDS):
        new = [message for message in messages if message["MessageId"] not in done.refused]
        for batch in _batches([(message, _line(message)) for message in new]):
            entries = [{"Id": str(number), "MessageBody": line} for number, (_, line) in enumerate(batch)]
            answer = sqs.send_message_batch(QueueUrl=target, Entries=entries)
            sent = [batch[int(entry["Id"])][0] for entry in answer.get("Successful", [])]
            for entry in answer.get("Failed", []):
                done.refused[batch[int(entry["Id"])][0]["MessageId"]] = entry.get("Message") or entry["Code"]
            if sent:
                sqs.delete_message_batch(QueueUrl=source, Entries=_entries(one["ReceiptHandle"] for one in sent))
            done.moved += len(sent)
            on_progress(done.moved)
    return done


def _rounds(sqs: Any, url: str, wanted: Callable[[], int], hidden: int) -> Iterator[list[SqsMessage]]:
    """What SQS gives, until no more is wanted or the queue seems to have none that was not received before."""
    known: set[str] = set()
    idle = 0
    while idle < EMPTY_ROUNDS and (most := wanted()) > 0:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(most, AT_ONCE),
            VisibilityTimeout=hidden,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        messages = answer.get("Messages", [])
        idle = 0 if any(message["MessageId"] not in known for message in messages) else idle + 1
        known.update(message["MessageId"] for message in messages)
        if messages:
            yield messages


def _give_back(sqs: Any, url: str, handles: list[str]) -> None:
    for start in range(0, len(handles), AT_ONCE):
        entries = [{**entry, "VisibilityTimeout": 0} for entry in _entries(handles[start : start + AT_ONCE])]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def _entries(handles: Iterable[str]) -> list[dict[str, str]]:
    return [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]


def _line(message: SqsMessage) -> str:
    """The message's envelope, or the body where that is one."""
    line = as_line(message["Body"], message["MessageId"], int(message["Attributes"]["SentTimestamp"]))
    return line.decode().removesuffix("\n")


def _batches(messages: list[tuple[SqsMessage, str]]) -> Iterator[list[tuple[SqsMessage, str]]]:
    batch: list[tuple[SqsMessage, str]] = []
    size = 0
    for message, line in messages:
        length = len(line.encode())
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((message, line))
        size += length
    if batch:
        yield batch


def _dead(message: SqsMessage) -> DeadMessage:
    line = _line(message)
    document = orjson.loads(line)
    envelope = envelope_of(document)
    payload = open_envelope(envelope) if envelope else None
    payload = line.encode() if payload is None else payload
    attributes = message["Attributes"]
    return DeadMessage(
        message_id=document["message_id"],
        sent_at=_moment(int(attributes["SentTimestamp"])),
        received_at=_moment(document["received_at"]),
        topic=document["topic"],
        size=len(payload),
        receive_count=int(attributes["ApproximateReceiveCount"]),
        payload=payload,
    )


def _moment(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
