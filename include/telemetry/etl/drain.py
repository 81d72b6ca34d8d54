"""Draining the queue into immutable objects. A message is deleted only after it is in one."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import chain, count
from typing import Any

from botocore.exceptions import ClientError

from telemetry.aws.queues import AT_ONCE, EMPTY_ROUNDS, WAIT_SECONDS, SqsMessage
from telemetry.config.settings import Extract
from telemetry.lake.envelopes import as_line
from telemetry.lake.layout import queue_prefix


def drain(
    sqs: Any,
    s3: Any,
    *,
    queue_url: str,
    bucket: str,
    stream: str,
    name: str,
    limits: Extract,
    out_of_time: Callable[[], bool],
) -> int:
    """Move what was sent before now out of the queue, into objects ``<name>-<n>``; return how many messages they hold.

    Ends at ``limits.queue_batch_messages`` or when ``out_of_time`` says so, too; the next drain takes the rest. If it
    dies after an object is written and before its messages are deleted, they come again, and the ledger knows their
    envelopes' ids.
    """
    written: set[str] = set()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for batch in _batches(partial(_receive, sqs, queue_url, pool), limits, out_of_time):
            new = [message for message_id, message in batch.items() if message_id not in written]
            if new:
                _put(s3, bucket, queue_prefix(stream, datetime.now(UTC)) + name, new)
                written |= batch.keys()
            _delete(sqs, queue_url, pool, list(batch.values()))
    return len(written)


def _batches(
    receive: Callable[[int], list[SqsMessage]], limits: Extract, out_of_time: Callable[[], bool]
) -> Iterator[dict[str, SqsMessage]]:
    """What becomes one object each, by message id, until rounds bring nothing new that was sent before the first."""
    began = datetime.now(UTC).timestamp() * 1000
    known: set[str] = set()
    batch: dict[str, SqsMessage] = {}
    idle = size = 0
    while idle < EMPTY_ROUNDS and len(known) < limits.queue_batch_messages and not out_of_time():
        received = receive(min(limits.queue_batch_messages - len(known), limits.queue_object_messages - len(batch)))
        new = [message for message in received if message["MessageId"] not in known]
        idle = 0 if any(_sent_at(message) < began for message in new) else idle + 1
        size += sum(len(message["Body"]) for message in new)
        known.update(message["MessageId"] for message in new)
        batch.update((message["MessageId"], message) for message in received)
        if len(batch) >= limits.queue_object_messages or size >= limits.queue_object_bytes:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch


def _receive(sqs: Any, queue_url: str, pool: ThreadPoolExecutor, wanted: int) -> list[SqsMessage]:
    """One round: at most 100 messages, and at most ``wanted``."""

    def call(most: int) -> list[SqsMessage]:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages: list[SqsMessage] = answer.get("Messages", [])
        return messages

    full, rest = divmod(min(wanted, AT_ONCE * AT_ONCE), AT_ONCE)
    return list(chain.from_iterable(pool.map(call, [AT_ONCE] * full + [rest] * bool(rest))))


def _put(s3: Any, bucket: str, prefix: str, messages: Iterable[SqsMessage]) -> None:
    """Write an object of a name that is free: one that was written by an attempt before stays as it is."""
    lines = (as_line(message["Body"], message["MessageId"], _sent_at(message)) for message in messages)
    body = gzip.compress(b"".join(lines), mtime=0)
    for number in count():
        try:
            s3.put_object(Bucket=bucket, Key=f"{prefix}-{number}.jsonl.gz", Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
        else:
            return


def _delete(sqs: Any, queue_url: str, pool: ThreadPoolExecutor, messages: list[SqsMessage]) -> None:
    """Delete what can be deleted: what SQS keeps comes again and is known."""

    def call(some: list[SqsMessage]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(some)
        ]
        sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)

    list(pool.map(call, (messages[start : start + AT_ONCE] for start in range(0, len(messages), AT_ONCE))))


def _sent_at(message: SqsMessage) -> int:
    return int(message["Attributes"]["SentTimestamp"])
