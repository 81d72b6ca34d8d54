"""The messages of the queue lane that are in no object yet: in the queue, or in its dead-letter queue."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from telemetry.aws.metrics import oldest_message_sent
from telemetry.aws.queues import depth, message_id_and_time, peek, queue_url
from telemetry.config.names import Names
from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.locks import session_advisory_lock

DEAD_LETTERS_MAX = 2_500
"""Dead letters that are counted to close a day: the function has the time for so many, three times."""


class DayNotReadyError(TelemetryError):
    """The day cannot be closed yet; it can later."""


class QueueDepths(NamedTuple):
    """About how many messages are in a stream's queue and in its dead-letter queue."""

    queue: int
    dead_letters: int


def queue_depths(sqs: Any, names: Names, stream: str) -> QueueDepths:
    """The messages of any day."""
    queues = names.queue(stream), names.dead_letter_queue(stream)
    return QueueDepths(*(depth(sqs, queue_url(sqs, queue)) for queue in queues))


def ensure_queue_drained(day: date, cloudwatch: Any, sqs: Any, queue: str, stream: str, now: datetime) -> None:
    """Check that the queue holds no message that was sent on the day or before.

    Raises:
        DayNotReadyError: it does.
    """
    if not depth(sqs, queue_url(sqs, queue)):
        return
    sent = oldest_message_sent(cloudwatch, queue, now)
    if sent and sent < Interval.day(day).end:
        raise DayNotReadyError(
            f"{day} cannot be closed yet: the oldest message in the queue {queue} was sent at "
            f"{sent.astimezone(UTC):%Y-%m-%d %H:%M} UTC.",
            f"The DAG {stream}_queue drains the queue. Make sure that its runs succeed, then clear close_day.",
        )


def dead_letters(day: date, connection: Connection, sqs: Any, queue: str) -> frozenset[str]:
    """The ids of the messages of a day that are in a dead-letter queue; none of them leaves it.

    All of the queue's messages are looked at, and nothing is kept of those of other days. One at a time does so: what
    one looks at is hidden from others.

    Raises:
        DayNotReadyError: they are too many, or SQS did not give all of them.
    """
    url = queue_url(sqs, queue)
    ids: set[str] = set()
    with session_advisory_lock(connection, f"looking at {queue}"):
        there, seen = depth(sqs, url), 0
        if 0 < there <= DEAD_LETTERS_MAX:
            # The depth is an estimate: there may be more.
            for message in peek(sqs, url, DEAD_LETTERS_MAX + 1):
                seen += 1
                message_id, received_at = message_id_and_time(message)
                if received_at.date() == day:
                    ids.add(message_id)
    if max(there, seen) > DEAD_LETTERS_MAX:
        raise DayNotReadyError(
            f"{day} cannot be closed yet: {queue} has {max(there, seen):,} messages, but at most "
            f"{DEAD_LETTERS_MAX:,} dead letters can be counted.",
            "Send them back to be loaded with `telemetry dlq redrive`, then clear close_day.",
        )
    if seen < there:
        raise DayNotReadyError(
            f"{day} cannot be closed yet: SQS returned only {seen:,} of the {there:,} messages in {queue}.",
            "If something else reads them, they are back in a few minutes. Clear close_day then.",
        )
    return frozenset(ids)
