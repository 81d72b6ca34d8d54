"""Queues from the outside: how deep they are, and dead letters, received too often without being deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
WAIT_SECONDS = 1
"""A long poll asks all of SQS's servers; it returns as soon as there is a message."""
EMPTY_ROUNDS = 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Message = dict[str, Any]


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
        raise TelemetryError(f"There is no queue {name}.", "`telemetry up` makes the queues of new streams.") from error


def depth(sqs: Any, url: str) -> int:
    """About how many messages a queue has: those to be received, those received and not deleted, and those delayed."""
    counts = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    return sum(int(found.get(count, 0)) for count in counts)


def list_dead(
    sqs: Any, url: str, limit: int, on_progress: Callable[[int], object] = lambda messages: None
) -> list[DeadMessage]:
    """At most so many messages, those that were sent first before the others; SQS may not give all that it has.

    They are received to be looked at, and given back at once: each look counts as a receive.
    """
    found: dict[str, Message] = {}
    try:
        for messages in _rounds(sqs, url, lambda: limit - len(found)):
            found.update((message["MessageId"], message) for message in messages)
            on_progress(len(found))
    finally:
        _give_back(sqs, url, list(found.values()))
    return sorted(map(_dead, found.values()), key=lambda message: message.sent_at)


def redrive(
    sqs: Any, source: str, target: str, on_progress: Callable[[int], object] = lambda messages: None
) -> Redriven:
    """Send every message of the queue ``source`` to the queue ``target`` and then delete it, envelopes as they are.

    A body without an envelope is put in the one that draining would have put it in, since it gets another id of SQS's
    now. So wherever this dies, a message is in one of the queues or in both, and the ledger knows it by its envelope.
    """
    done = Redriven()
    for messages in _rounds(sqs, source, lambda: AT_ONCE):
        new = [message for message in messages if message["MessageId"] not in done.refused]
        for batch in _batches([(message, _line(message)) for message in new]):
            entries = [{"Id": str(number), "MessageBody": line} for number, (_, line) in enumerate(batch)]
            answer = sqs.send_message_batch(QueueUrl=target, Entries=entries)
            sent = [batch[int(entry["Id"])][0] for entry in answer.get("Successful", [])]
            for entry in answer.get("Failed", []):
                done.refused[batch[int(entry["Id"])][0]["MessageId"]] = entry.get("Message") or entry["Code"]
            if sent:
                sqs.delete_message_batch(QueueUrl=source, Entries=_handles(sent))
            done.moved += len(sent)
            on_progress(done.moved)
    return done


def _rounds(sqs: Any, url: str, wanted: Callable[[], int]) -> Iterator[list[Message]]:
    """Messages that were not received before, until so many are not wanted or the queue seems to have no more."""
    known: set[str] = set()
    idle = 0
    while idle < EMPTY_ROUNDS and (most := wanted()) > 0:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(most, AT_ONCE),
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        messages = answer.get("Messages", [])
        idle = 0 if any(message["MessageId"] not in known for message in messages) else idle + 1
        known.update(message["MessageId"] for message in messages)
        if messages:
            yield messages


def _give_back(sqs: Any, url: str, messages: list[Message]) -> None:
    for start in range(0, len(messages), AT_ONCE):
        entries = [{**entry, "VisibilityTimeout": 0} for entry in _handles(messages[start : start + AT_ONCE])]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def _handles(messages: list[Message]) -> list[dict[str, str]]:
    return [{"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)]


def _line(message: Message) -> str:
    """The message's envelope, or the body where that is one."""
    line = as_line(message["Body"], message["MessageId"], int(message["Attributes"]["SentTimestamp"]))
    return line.decode().removesuffix("\n")


def _batches(messages: list[tuple[Message, str]]) -> Iterator[list[tuple[Message, str]]]:
    batch: list[tuple[Message, str]] = []
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


def _dead(message: Message) -> DeadMessage:
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
