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

from telemetry.aws.queues import (
    BATCH_MESSAGES,
    SqsMessage,
    delete_messages,
    envelope_line,
    receive_messages,
    receive_until_idle,
    sent_at,
)
from telemetry.chunks import chunks
from telemetry.config.settings import Extract
from telemetry.lake.layout import queue_prefix

CALLS_AT_ONCE = 10
"""Calls of SQS side by side: each takes or gives ``BATCH_MESSAGES`` at the most."""


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
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        messages = chain.from_iterable(_receive(sqs, queue_url, pool, limits, out_of_time))
        for some in chunks(
            messages, count_max=limits.queue_object_messages, bytes_max=limits.queue_object_bytes, size=_size
        ):
            batch = {message["MessageId"]: message for message in some}  # of one that came twice the last handle holds
            new = [message for message_id, message in batch.items() if message_id not in written]
            if new:
                _put(s3, bucket, queue_prefix(stream, datetime.now(UTC)) + name, new)
                written |= batch.keys()
            _delete(sqs, queue_url, pool, list(batch.values()))
    return len(written)


def _receive(
    sqs: Any, queue_url: str, pool: ThreadPoolExecutor, limits: Extract, out_of_time: Callable[[], bool]
) -> Iterator[list[SqsMessage]]:
    """The queue's messages, within the limits, until none comes that was sent before the first call."""
    began = datetime.now(UTC).timestamp() * 1000

    def side_by_side(wanted: int) -> list[SqsMessage]:
        full, rest = divmod(min(wanted, CALLS_AT_ONCE * BATCH_MESSAGES), BATCH_MESSAGES)
        sizes = [BATCH_MESSAGES] * full + [rest] * bool(rest)
        return list(chain.from_iterable(pool.map(partial(receive_messages, sqs, queue_url), sizes)))

    return receive_until_idle(
        side_by_side,
        most=limits.queue_batch_messages,
        go_on=lambda: not out_of_time(),
        expected=lambda message: sent_at(message) < began,
    )


def _put(s3: Any, bucket: str, prefix: str, messages: Iterable[SqsMessage]) -> None:
    """Write an object of a name that is free: one that was written by an attempt before stays as it is."""
    body = gzip.compress(b"".join(map(envelope_line, messages)), mtime=0)
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
    list(pool.map(partial(delete_messages, sqs, queue_url), chunks(messages, count_max=BATCH_MESSAGES)))


def _size(message: SqsMessage) -> int:
    return len(message["Body"].encode("utf-8", "surrogatepass"))
