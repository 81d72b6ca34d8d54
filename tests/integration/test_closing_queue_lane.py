"""The dead letters of a day that is closed: all of them are counted, or the day is not closed yet."""

from __future__ import annotations

import time
import tracemalloc
import uuid
from typing import Any

import pytest

from closed_days import BEFORE, DAY, Ground, noon, replace_connection
from etl import at_once, envelope, send, sqs, visible_messages
from telemetry.accounting import queue_lane
from telemetry.accounting.queue_lane import DayNotReadyError, dead_letters
from telemetry.aws import queues
from telemetry.aws.queues import queue_url
from telemetry.interval import Lane
from telemetry.local.services.postgres import Login


def name(ground: Ground) -> str:
    return ground.settings.names.dead_letter_queue(ground.stream.stream)


def send_dead(ground: Ground, number: int, **more: Any) -> set[str]:
    """So many dead letters of the day and of the day before; the ids of those of the day."""
    ids = {str(uuid.uuid4()) for _ in range(number)}
    url = queue_url(sqs(), name(ground))
    send(url, [envelope(more, id_, noon(DAY)) for id_ in ids])
    send(url, [envelope(more, str(uuid.uuid4()), noon(BEFORE)) for _ in range(number)])
    return ids


def visible(ground: Ground) -> int:
    return visible_messages(queue_url(sqs(), name(ground)))


def slow(seconds: float) -> Any:
    """SQS as it is when there is much to give."""
    client = sqs()
    client.meta.events.register("before-call.sqs.ReceiveMessage", lambda **_: time.sleep(seconds))
    return client


def test_a_slow_peek_sees_every_message_once(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "VISIBILITY_TIMEOUT", 1)
    monkeypatch.setattr(queues, "PEEKS_A_SECOND_MIN", 1)
    ids = send_dead(ground, 30)
    assert dead_letters(DAY, ground.connection, slow(0.6), name(ground)) == ids
    assert visible(ground) == 60, "they are given back at once"


def test_an_incomplete_count_is_refused(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "VISIBILITY_TIMEOUT", 1)
    monkeypatch.setattr(queues, "PEEKS_A_SECOND_MIN", 10_000)
    send_dead(ground, 30)
    with pytest.raises(DayNotReadyError, match=r"SQS returned only [1-5]?\d of the 60 messages in "):
        dead_letters(DAY, ground.connection, slow(0.6), name(ground))


def test_a_day_is_not_closed_while_others_look_at_its_dead_letters(ground: Ground) -> None:
    ground.count("TopicMatch", 3, noon(DAY))
    send_dead(ground, 3)
    url = queue_url(sqs(), name(ground))
    held = sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=2, VisibilityTimeout=60)["Messages"]
    with pytest.raises(DayNotReadyError, match=r"SQS returned only 4 of the 6 messages in .* If something else reads"):
        ground.close()
    entries = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0} for m in held]
    sqs().change_message_visibility_batch(QueueUrl=url, Entries=entries)
    assert ground.lanes()[Lane.queue] == (3, 0, 3, 0)


def test_days_that_are_closed_at_once_see_all_dead_letters(ground: Ground, database: Login) -> None:
    for day in (BEFORE, DAY):
        ground.count("TopicMatch", 20, noon(day))
    send_dead(ground, 20)

    def close(number: int) -> None:
        connection = database.connect()
        try:
            other = replace_connection(ground, connection)
            assert other.lanes((BEFORE, DAY)[number])[Lane.queue] == (20, 0, 20, 0)
        finally:
            connection.close()

    assert at_once(2, close) == []


def test_more_dead_letters_than_can_be_counted_are_an_error(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_lane, "DEAD_LETTERS_MAX", 5)
    send_dead(ground, 3)
    with pytest.raises(DayNotReadyError, match=r"has 6 messages, but at most 5 dead letters .* dlq redrive"):
        ground.close()
    assert visible(ground) == 6


def test_peeking_keeps_no_message_body(ground: Ground) -> None:
    ids = send_dead(ground, 150, note="x" * 70_000)
    tracemalloc.start()
    try:
        assert dead_letters(DAY, ground.connection, sqs(), name(ground)) == ids
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * 2**20, f"{peak:,} bytes, of 28 MB in the queue"
