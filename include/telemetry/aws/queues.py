"""SQS: a queue's address and depth, receiving, deleting, peeking; and dead letters, received too often without being
deleted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from telemetry.chunks import chunks
from telemetry.errors import TelemetryError
from telemetry.lake.envelopes import as_line, envelope_of, open_envelope

BATCH_MESSAGES = 10
"""Messages that SQS takes or gives in one call (API reference, ReceiveMessage)."""
BATCH_BYTES = 256 * 1024
"""Bytes that SQS takes in one call, whatever the quota of the account."""
VISIBILITY_TIMEOUT = 60
"""Seconds that a message which is peeked at or redriven is hidden from others; if we die, it is back after that."""
VISIBILITY_TIMEOUT_MAX = 43_200
"""The most that SQS takes (API reference, ReceiveMessage)."""
PEEKS_A_SECOND_MIN = 100
"""Who peeks at many messages hides them for longer, so that at this pace none is back before the last is seen."""
LONG_POLL_SECONDS = 1
"""A long poll asks all of SQS's servers; it returns as soon as there is a message."""
IDLE_RECEIVES = 2
"""Receives that bring nothing new, after which a queue counts as empty."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SqsMessage = dict[str, Any]


@dataclass(frozen=True)
class DeadLetter:
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
    """How many messages were moved back to the queue, and how many SQS refused, which stay dead letters."""

    moved: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    """Why, by SQS's id of the message."""


# A queue


def find_queue(sqs: Any, name: str) -> str | None:
    """The address of a queue; ``None`` where there is no such queue."""
    try:
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist:
        return None


def queue_url(sqs: Any, name: str) -> str:
    """The address of a queue.

    Raises:
        TelemetryError: there is no such queue.
    """
    if url := find_queue(sqs, name):
        return url
    raise TelemetryError(f"There is no queue {name}.", "`telemetry up` creates the queues of new streams.")


def visible_messages(sqs: Any, url: str) -> int:
    """About how many messages can be received from a queue now."""
    return _attribute_sum(sqs, url, "ApproximateNumberOfMessages")


def queue_depth(sqs: Any, url: str) -> int:
    """About how many messages a queue has: those to be received, those received and not deleted, and those delayed."""
    return _attribute_sum(
        sqs,
        url,
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    )


def _attribute_sum(sqs: Any, url: str, *names: str) -> int:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
    return sum(int(found.get(name, 0)) for name in names)


# Its messages


def receive_messages(sqs: Any, url: str, most: int, **more: Any) -> list[SqsMessage]:
    """One call: at most ``most`` messages, and no more than ``BATCH_MESSAGES``. ``more`` is of ReceiveMessage."""
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=min(most, BATCH_MESSAGES),
        WaitTimeSeconds=LONG_POLL_SECONDS,
        MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        **more,
    )
    messages: list[SqsMessage] = answer.get("Messages", [])
    return messages


def receive_until_idle(
    call: Callable[[int], list[SqsMessage]],
    *,
    most: int = sys.maxsize,
    go_on: Callable[[], bool] = lambda: True,
    expected: Callable[[SqsMessage], bool] = lambda message: True,
) -> Iterator[list[SqsMessage]]:
    """Yield what ``call`` returns, time after time; it gets the number still wanted. A message may come twice.

    Ends when there are ``most`` of different ids, when ``go_on`` says no, or when ``IDLE_RECEIVES`` in a row bring
    nothing new that is ``expected``.
    """
    known: set[str] = set()
    idle = 0
    while idle < IDLE_RECEIVES and len(known) < most and go_on():
        messages = call(most - len(known))
        new = [message for message in messages if message["MessageId"] not in known]
        idle = 0 if any(map(expected, new)) else idle + 1
        known.update(message["MessageId"] for message in new)
        if messages:
            yield messages


def delete_messages(sqs: Any, url: str, messages: Iterable[SqsMessage]) -> None:
    """One call, for at most ``BATCH_MESSAGES``. What SQS keeps all the same comes again."""
    sqs.delete_message_batch(QueueUrl=url, Entries=_entries(messages))


def peek(sqs: Any, url: str, most: int) -> Iterator[SqsMessage]:
    """At most so many of a queue's messages, each once and one at a time; SQS may not give all that it has.

    They are hidden from others until all of them were seen, and then given back: each peek counts as a receive. Of a
    message no more than its id and its handle is kept. Where SQS is slower than ``PEEKS_A_SECOND_MIN``, the peek ends
    before the first messages are back.
    """
    timeout = min(VISIBILITY_TIMEOUT + most // PEEKS_A_SECOND_MIN, VISIBILITY_TIMEOUT_MAX)
    end = time.monotonic() + timeout
    handles: dict[str, str] = {}
    take = partial(receive_messages, sqs, url, VisibilityTimeout=timeout)
    try:
        for messages in receive_until_idle(take, most=most, go_on=lambda: time.monotonic() < end):
            new = [message for message in messages if message["MessageId"] not in handles]
            handles.update((message["MessageId"], message["ReceiptHandle"]) for message in messages)
            yield from new
    finally:
        for some in chunks(handles.values(), count_max=BATCH_MESSAGES):
            entries = _entries(({"ReceiptHandle": handle} for handle in some), VisibilityTimeout=0)
            sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def sent_at(message: SqsMessage) -> int:
    """Return when a message was sent to its queue, in milliseconds since 1970."""
    return int(message["Attributes"]["SentTimestamp"])


def envelope_line(message: SqsMessage) -> bytes:
    """A message's body as a line, in an envelope: in one of its own where it is none."""
    return as_line(message["Body"], message["MessageId"], sent_at(message))


def message_id_and_time(message: SqsMessage) -> tuple[str, datetime]:
    """The id of a message's envelope and when the topic rule took it; of one without, SQS's id and when it was sent."""
    document = json.loads(envelope_line(message))
    return document["message_id"], _moment(document["received_at"])


def _entries(messages: Iterable[SqsMessage], **more: Any) -> list[dict[str, Any]]:
    """The ids of messages within a batch call."""
    return [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"], **more} for n, message in enumerate(messages)]


# Dead letters


def list_dead_letters(sqs: Any, url: str, limit: int) -> list[DeadLetter]:
    """At most so many messages, those that were sent first before the others; SQS may not give all that it has.

    They are peeked at, which counts as a receive.
    """
    return sorted(map(_dead_letter, peek(sqs, url, limit)), key=lambda message: message.sent_at)


def redrive(
    sqs: Any, source: str, target: str, on_progress: Callable[[int], object] = lambda messages: None
) -> Redriven:
    """Send every message of the queue ``source`` to the queue ``target`` and then delete it, envelopes as they are.

    A body without an envelope is put in the one that draining would have put it in, since it gets another id of SQS's
    now. So wherever this dies, a message is in one of the queues or in both, and the ledger knows it by its envelope.
    """
    done = Redriven()
    for messages in receive_until_idle(partial(receive_messages, sqs, source, VisibilityTimeout=VISIBILITY_TIMEOUT)):
        lines = [(one, _body(one)) for one in messages if one["MessageId"] not in done.refused]
        for batch in chunks(lines, count_max=BATCH_MESSAGES, bytes_max=BATCH_BYTES, size=lambda one: len(one[1])):
            _move_batch(sqs, source, target, batch, done)
            on_progress(done.moved)
    return done


def _move_batch(sqs: Any, source: str, target: str, batch: Sequence[tuple[SqsMessage, bytes]], done: Redriven) -> None:
    """Send one call's messages, and delete those that SQS took."""
    entries = [{"Id": str(number), "MessageBody": body.decode()} for number, (_, body) in enumerate(batch)]
    answer = sqs.send_message_batch(QueueUrl=target, Entries=entries)
    sent = [batch[int(entry["Id"])][0] for entry in answer.get("Successful", [])]
    for entry in answer.get("Failed", []):
        done.refused[batch[int(entry["Id"])][0]["MessageId"]] = entry.get("Message") or entry["Code"]
    if sent:
        delete_messages(sqs, source, sent)
    done.moved += len(sent)


def _body(message: SqsMessage) -> bytes:
    return envelope_line(message).removesuffix(b"\n")


def _dead_letter(message: SqsMessage) -> DeadLetter:
    body = _body(message)
    document = json.loads(body)
    envelope = envelope_of(document)
    payload = open_envelope(envelope) if envelope else None
    payload = body if payload is None else payload
    return DeadLetter(
        message_id=document["message_id"],
        sent_at=_moment(sent_at(message)),
        received_at=_moment(document["received_at"]),
        topic=document["topic"],
        size=len(payload),
        receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
        payload=payload,
    )


def _moment(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
