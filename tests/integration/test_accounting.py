"""What `telemetry status` counts, on a real PostgreSQL and the emulator."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closed_days import AFTER, BEFORE, DAY, TODAY, Ground, noon
from emulated import Emulator
from etl import envelope, s3
from telemetry.accounting.scope import Scope
from telemetry.accounting.status import account
from telemetry.accounting.unmatched import Unmatched, count_unmatched
from telemetry.aws.clients import client
from telemetry.aws.metrics import FIREHOSE_TRIES, METRIC_DAYS, first_day
from telemetry.config.deployment import Deployment
from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.history import write_history
from telemetry.lake.layout import raw_prefix
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.load_object_days import count_accounted

LONG_AGO = TODAY - timedelta(days=METRIC_DAYS + 5)


def lanes(ground: Ground) -> dict[Lane, tuple[int, int, int, int]]:
    """published, accounted, in flight and unaccounted."""
    deployment = Deployment.from_environment()
    found = account([ground.stream], ground.connection, deployment, ground.settings)[ground.stream.stream].lanes
    return {lane: (one.published, one.accounted, one.in_flight, one.difference) for lane, one in found.items()}


def put(ground: Ground, key: str, *days: date) -> str:
    """An object with a message of each of the days."""
    lines = "".join(f"{envelope({}, received_at=noon(day))}\n" for day in days)
    s3().put_object(Bucket=Deployment.from_environment().raw_bucket, Key=key, Body=lines.encode())
    return key


def write_past(ground: Ground, day: date, records: int) -> str:
    """A history object; its key."""
    bucket, stream = Deployment.from_environment().raw_bucket, ground.stream.stream
    before = set(ground.emulator.keys(bucket))
    write_history(s3(), bucket, stream, [(noon(day), b"{}%d" % number) for number in range(records)])
    (key,) = set(ground.emulator.keys(bucket)) - before
    return key


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (datetime(2026, 3, 1, 0, 0, tzinfo=UTC), date(2024, 12, 1)),
        (datetime(2026, 3, 1, 0, 1, tzinfo=UTC), date(2024, 12, 2)),
        (datetime(2026, 3, 1, 23, 59, tzinfo=UTC), date(2024, 12, 2)),
    ],
)
def test_a_day_with_missing_cloudwatch_sums_does_not_count(now: datetime, first: date) -> None:
    assert first_day(now) == first


def test_sums_that_cloudwatch_no_longer_keeps_are_not_missed(ground: Ground) -> None:
    ground.count("TopicMatch", 3, noon(DAY))
    for lane in Lane:
        ground.load(lane, ground.key(lane, noon(LONG_AGO)), {LONG_AGO: 5}, loaded=5)
        ground.load(lane, ground.key(lane, noon(DAY)), {DAY: 3}, loaded=3)
    assert lanes(ground) == {Lane.lake: (3, 3, 0, 0), Lane.queue: (3, 3, 0, 0)}
    put(ground, ground.key(Lane.lake, noon(LONG_AGO)), LONG_AGO, LONG_AGO)
    assert lanes(ground)[Lane.lake] == (3, 3, 0, 0), "nor in flight: it was never published, as far as is known"


def test_an_object_of_two_days_counts_with_the_first_day_s_messages(ground: Ground) -> None:
    first = first_day(datetime.now(UTC))
    last_hour = Interval.day(first).start - HOUR
    put(ground, ground.key(Lane.lake, last_hour), first - timedelta(days=1), first)
    assert lanes(ground)[Lane.lake] == (0, 0, 1, -1)
    ground.load(Lane.lake, ground.key(Lane.lake, last_hour), {first - timedelta(days=1): 7, first: 2})
    assert lanes(ground)[Lane.lake] == (0, 2, 1, -3)


def test_history_counts_however_old_it_is(ground: Ground) -> None:
    key = write_past(ground, LONG_AGO, 4)
    assert lanes(ground)[Lane.lake] == (4, 0, 4, 0)
    ground.load(Lane.lake, key, {LONG_AGO: 4}, loaded=4)
    write_past(ground, DAY, 2)
    assert lanes(ground)[Lane.lake] == (6, 4, 2, 0)


def test_loaded_history_adds_up_after_s3_has_deleted_its_objects(ground: Ground) -> None:
    """As the lake's retention has it do."""
    key = write_past(ground, LONG_AGO, 4)
    ground.load(Lane.lake, key, {LONG_AGO: 3}, loaded=3)
    assert lanes(ground)[Lane.lake] == (4, 3, 0, 1)
    s3().delete_object(Bucket=Deployment.from_environment().raw_bucket, Key=key)
    assert lanes(ground)[Lane.lake] == (4, 3, 0, 1)
    assert ground.lanes(LONG_AGO)[Lane.lake] == (4, 3, 0, 1)


def test_objects_outside_hour_partitions_hold_no_messages(ground: Ground) -> None:
    put(ground, f"raw-data/{ground.stream.stream}/notes.txt", DAY, DAY, DAY)
    assert lanes(ground)[Lane.lake] == (0, 0, 0, 0)


def test_records_that_firehose_lost_are_in_flight_only_while_it_may_retry(ground: Ground) -> None:
    long_past = datetime.now(UTC) - FIREHOSE_TRIES - timedelta(minutes=2)
    for metric, number in (("TopicMatch", 10), ("IncomingRecords", 10), ("DeliveryToS3.Records", 4)):
        ground.count(metric, number, long_past)
    ground.load(Lane.lake, ground.key(Lane.lake, noon(DAY)), {DAY: 4})
    assert lanes(ground)[Lane.lake] == (10, 4, 0, 6)
    for metric in ("TopicMatch", "IncomingRecords"):
        ground.count(metric, 3, datetime.now(UTC))
    assert lanes(ground)[Lane.lake] == (13, 4, 3, 6)
    assert lanes(ground)[Lane.queue][1:] == (0, 0, 13)


def test_what_no_streams_rule_matched_is_unmatched(ground: Ground) -> None:
    until = noon(DAY)

    def publish(protocol: str, number: int, when: datetime) -> None:
        dimensions = [{"Name": "Protocol", "Value": protocol}]
        datum = {"MetricName": "PublishIn.Success", "Dimensions": dimensions, "Value": number, "Timestamp": when}
        client("cloudwatch").put_metric_data(Namespace="AWS/IoT", MetricData=[datum])

    def unmatched() -> Unmatched:
        return count_unmatched(client("cloudwatch"), ground.settings.names, [ground.stream.stream], until)

    publish("MQTT", 10, until - HOUR)
    publish("HTTP", 2, until - 2 * HOUR)
    publish("MQTT", 100, until - 25 * HOUR)
    ground.count("TopicMatch", 4, until - HOUR)
    assert unmatched() == Unmatched(until - 24 * HOUR, 8)
    ground.count("TopicMatch", 9, until - 2 * HOUR)
    assert unmatched() == Unmatched(until - 24 * HOUR, 0), "a message that two rules match is subtracted twice"


some_days = st.sampled_from([LONG_AGO, BEFORE, DAY, AFTER])
ledgers = st.lists(st.tuples(st.booleans(), st.dictionaries(some_days, st.integers(1, 9), min_size=1)), max_size=6)
scopes = st.sampled_from([Scope.since, Scope.of_day, Scope.history_of_day]).flatmap(lambda of: st.builds(of, some_days))


@settings(max_examples=20)
@given(objects=ledgers, scope=scopes)
def test_the_ledger_counts_the_messages_of_its_scope(
    warehouse: Connection, aws: Emulator, objects: list[tuple[bool, dict[date, int]]], scope: Scope
) -> None:
    ground = Ground(warehouse, aws)
    stream, expected = ground.stream.stream, 0
    for is_history, messages in objects:
        name = f"history-1-{uuid.uuid4().hex[:16]}.jsonl.gz" if is_history else "x.gz"
        key = raw_prefix(stream, noon(DAY)) + uuid.uuid4().hex + "/" + name
        ground.load(Lane.lake, key, messages)
        days = scope.days(key)
        expected += sum(number for day, number in messages.items() if days and day in days)
    counted = count_accounted(warehouse, stream, Lane.lake, received=scope.received, history=scope.history)
    assert counted.messages == expected
