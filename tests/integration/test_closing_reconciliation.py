"""The reconciliation of closed days, on a real PostgreSQL and the emulator."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from closed_days import AFTER, BEFORE, DAY, TODAY, Ground, checks_of, contract, noon
from emulated import Emulator
from etl import Execution, envelope, put_raw, reading, s3, sqs
from telemetry.accounting.conservation import COUNTS_MAX, LaneSums, count_until_it_adds_up
from telemetry.accounting.queue_lane import DayNotReadyError
from telemetry.aws.queues import queue_url
from telemetry.closing.report import missing
from telemetry.config.deployment import Deployment
from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.history import write_history
from telemetry.warehouse.connection import Connection

SHARED = settings(max_examples=30)


LAKE_PLACES = ("ledger", "hour_before", "object", "hour_after", "lost")
QUEUE_PLACES = ("ledger", "object", "days_after", "dead_letter", "object_and_dead_letter", "ledger_and_object", "lost")


class Told(NamedTuple):
    """A message: when the rule had it, and where it is in each lane."""

    day: date
    lake: str
    queue: str


days = st.sampled_from([BEFORE, DAY, DAY, AFTER])
published = st.lists(st.builds(Told, days, st.sampled_from(LAKE_PLACES), st.sampled_from(QUEUE_PLACES)), max_size=12)


def put_lake(ground: Ground, messages: dict[str, Told]) -> None:
    before, last, first = Interval.day(DAY).start - HOUR, Interval.day(DAY).end - HOUR, Interval.day(DAY).end
    for place, hour in (("ledger", noon(DAY)), ("hour_before", before), ("object", last), ("hour_after", first)):
        chosen = {id_: one for id_, one in messages.items() if one.lake == place}
        if place == "ledger":
            ground.load(Lane.lake, ground.key(Lane.lake, hour), days_of(chosen))
        elif chosen:
            put_object(ground, ground.key(Lane.lake, hour), chosen)


def put_queue(ground: Ground, messages: dict[str, Told]) -> None:
    def those(*places: str) -> dict[str, Told]:
        return {id_: one for id_, one in messages.items() if one.queue in places}

    put_object(ground, ground.key(Lane.queue, noon(DAY)), those("object", "object_and_dead_letter"))
    put_object(ground, ground.key(Lane.queue, noon(TODAY)), those("days_after", "ledger_and_object"))
    in_ledger = those("ledger", "ledger_and_object")
    key = ground.key(Lane.queue, noon(DAY))
    ground.load(Lane.queue, key, days_of(in_ledger))
    with ground.connection, ground.connection.cursor() as cursor:
        for id_ in in_ledger:
            cursor.execute("INSERT INTO queue_messages (message_id, bucket, key) VALUES (%s, 'b', %s)", (id_, key))
    dead = queue_url(sqs(), ground.settings.names.dead_letter_queue(ground.stream.stream))
    for id_, one in those("dead_letter", "object_and_dead_letter").items():
        sqs().send_message(QueueUrl=dead, MessageBody=envelope({}, id_, noon(one.day)))


def days_of(messages: dict[str, Told]) -> dict[date, int]:
    found = [one.day for one in messages.values()]
    return {day: found.count(day) for day in set(found)}


def put_object(ground: Ground, key: str, messages: dict[str, Told]) -> None:
    lines = "".join(f"{envelope({}, id_, noon(one.day))}\n" for id_, one in messages.items())
    s3().put_object(Bucket=Deployment.from_environment().raw_bucket, Key=key, Body=lines.encode())


@settings(SHARED, max_examples=4)
@given(messages=published)
@example(messages=[Told(DAY, lake, queue) for lake in LAKE_PLACES for queue in QUEUE_PLACES])
def test_every_message_of_the_day_is_counted_where_it_is_and_a_lost_one_is_unaccounted(
    warehouse: Connection, aws: Emulator, messages: list[Told]
) -> None:
    ground = Ground(warehouse, aws)
    told = {str(uuid.uuid4()): one for one in messages}
    for day, number in days_of(told).items():
        ground.count("TopicMatch", number, noon(day))
    put_lake(ground, told)
    put_queue(ground, told)
    lanes = ground.lanes()
    for lane, places in ((Lane.lake, [one.lake for one in messages if one.day == DAY]),
                         (Lane.queue, [one.queue for one in messages if one.day == DAY])):  # fmt: skip
        ledger, lost = sum(place.startswith("ledger") for place in places), places.count("lost")
        assert lanes[lane] == (len(places), ledger, len(places) - ledger - lost, lost)
    dead = queue_url(sqs(), ground.settings.names.dead_letter_queue(ground.stream.stream))
    assert len(aws.messages(dead)) == sum("dead_letter" in one.queue for one in messages), "they are only counted"


def test_a_day_of_history_adds_up_before_and_after_it_is_loaded(warehouse: Connection, aws: Emulator) -> None:
    ground = Ground(warehouse, aws, stream=contract("telemetry", temperature="double!", humidity="double!"))
    records = [(noon(DAY), json.dumps(reading(n)).encode()) for n in range(5)]
    write_history(s3(), Deployment.from_environment().raw_bucket, "telemetry", records)
    assert ground.lanes() == {Lane.lake: (5, 0, 5, 0), Lane.queue: (0, 0, 0, 0)}
    Execution("telemetry", kind="daily", interval=Interval.day(DAY)).run()
    assert ground.lanes() == {Lane.lake: (5, 5, 0, 0), Lane.queue: (0, 0, 0, 0)}


def test_only_history_is_counted_for_a_day_that_cloudwatch_no_longer_has(warehouse: Connection, aws: Emulator) -> None:
    long_ago = date(2020, 7, 13)
    ground = Ground(warehouse, aws, stream=contract("telemetry", temperature="double!", humidity="double!"))
    records = [(noon(long_ago), json.dumps(reading(n)).encode()) for n in range(5)]
    write_history(s3(), Deployment.from_environment().raw_bucket, "telemetry", records)
    put_raw([envelope(reading(9), received_at=noon(long_ago)).encode()], hour=noon(long_ago))
    assert ground.lanes(long_ago) == {Lane.lake: (5, 0, 5, 0)}
    Execution("telemetry", kind="daily", interval=Interval.day(long_ago)).run()
    assert ground.lanes(long_ago) == {Lane.lake: (5, 5, 0, 0)}


def test_objects_put_into_the_lake_by_others_were_not_published(ground: Ground) -> None:
    key = ground.key(Lane.lake, noon(DAY))
    s3().put_object(Bucket=Deployment.from_environment().raw_bucket, Key=key, Body=b"{}\n{}\n")
    assert ground.lanes()[Lane.lake] == (0, 0, 2, -2)


def put_both_lanes(ground: Ground, day: date, messages: int, *, twice: int = 0) -> None:
    """Messages of a day in the ledger; ``twice`` of them Firehose delivered twice."""
    for lane, number in ((Lane.lake, messages + twice), (Lane.queue, messages)):
        if number:
            ground.load(lane, ground.key(lane, noon(day)), {day: number})


def test_messages_that_are_counted_after_midnight_are_not_unaccounted(ground: Ground) -> None:
    """Of 10 messages a day, CloudWatch counts 3 of the first day's, and 1 of the second's, on the day after."""
    for day, at_midnight, later in ((BEFORE, 0, 7), (DAY, 3, 9), (AFTER, 1, 10)):
        ground.count("TopicMatch", at_midnight, Interval.day(day).start + timedelta(seconds=30))
        ground.count("TopicMatch", later, noon(day))
        put_both_lanes(ground, day, 10)
    for day, before, after in ((BEFORE, 0, 3), (DAY, 3, 1), (AFTER, 1, 0)):
        for lane in ground.close(day).reconciliations:
            assert (lane.received_before, lane.counted_after) == (before, after)
            assert (lane.unaccounted, lane.surplus) == (0, 0)


def test_a_lost_message_is_unaccounted_also_beside_a_busy_midnight(ground: Ground) -> None:
    ground.count("TopicMatch", 5, Interval.day(DAY).start)
    ground.count("TopicMatch", 5, noon(DAY))
    ground.count("TopicMatch", 50, Interval.day(AFTER).start)
    put_both_lanes(ground, BEFORE, 0)
    put_both_lanes(ground, DAY, 9)
    ground.close(BEFORE)
    assert ground.lanes() == {Lane.lake: (10, 9, 0, 1), Lane.queue: (10, 9, 0, 1)}


def test_records_that_firehose_delivers_twice_are_a_surplus_and_fail_a_check_only_in_number(ground: Ground) -> None:
    ground.count("TopicMatch", 200, noon(DAY))
    ground.count("TopicMatch", 50, Interval.day(AFTER).start)
    put_both_lanes(ground, DAY, 200, twice=2)
    closed = ground.close()
    surplus = {one.lane: (one.unaccounted, one.surplus, one.counted_after) for one in closed.reconciliations}
    assert surplus == {Lane.lake: (0, 2, 0), Lane.queue: (0, 0, 0)}
    assert missing(closed.document()) == []
    assert checks_of(ground)["surplus_rate", "lake"] == (0.01, None, 0.01, True)
    put_both_lanes(ground, DAY, 0, twice=1)
    ground.close()
    assert checks_of(ground)["surplus_rate", "lake"][3] is False


def test_records_in_firehose_are_in_flight_only_while_it_can_buffer_them(ground: Ground) -> None:
    end = Interval.day(DAY).end
    ground.count("TopicMatch", 10, end - timedelta(minutes=1))
    ground.count("IncomingRecords", 10, end - timedelta(minutes=1))
    ground.count("IncomingRecords", 5, end)
    ground.count("DeliveryToS3.Records", 4, end - timedelta(minutes=1))
    ground.load(Lane.lake, ground.key(Lane.lake, noon(DAY)), {DAY: 4})
    ground.load(Lane.queue, ground.key(Lane.queue, noon(DAY)), {DAY: 10})
    grace = ground.settings.partition_grace
    assert ground.lanes(now=end + grace - timedelta(seconds=1))[Lane.lake] == (10, 4, 6, 0)
    assert ground.lanes(now=end + grace)[Lane.lake] == (10, 4, 0, 6)


def test_records_that_firehose_lost_earlier_are_not_in_its_buffer(ground: Ground) -> None:
    end = Interval.day(DAY).end
    ground.count("IncomingRecords", 7, noon(BEFORE))
    for metric in ("TopicMatch", "IncomingRecords"):
        ground.count(metric, 2, end - timedelta(minutes=1))
    assert ground.lanes(now=end + timedelta(seconds=1))[Lane.lake] == (2, 0, 2, 0)


def test_a_day_with_messages_in_the_queue_cannot_be_closed(ground: Ground) -> None:
    queue = queue_url(sqs(), ground.settings.names.queue(ground.stream.stream))
    ground.close()
    sqs().send_message(QueueUrl=queue, MessageBody=envelope({}))
    ground.close()  # it was sent today
    now = datetime.now(UTC)
    ground.count("ApproximateAgeOfOldestMessage", (now - noon(DAY)).total_seconds(), now)
    with pytest.raises(DayNotReadyError, match=r"cannot be closed yet.* The DAG pump_.*_queue drains the queue"):
        ground.close()
    ground.emulator.messages(queue)
    ground.close()  # CloudWatch does not know yet that the queue is empty; SQS does


def test_a_day_that_is_not_over_cannot_be_closed(ground: Ground) -> None:
    with pytest.raises(DayNotReadyError, match="is not over"):
        ground.close(TODAY)


def test_a_day_is_counted_again_until_it_adds_up() -> None:
    wrong, right = ({Lane.lake: LaneSums(3, accounted, 3, 0, 0, 0, in_flight=0)} for accounted in (2, 3))
    counts = iter([wrong, right, wrong])
    assert count_until_it_adds_up(lambda: next(counts)) == right
    counts = iter([wrong] * COUNTS_MAX)
    assert count_until_it_adds_up(lambda: next(counts)) == wrong
    assert next(counts, None) is None
