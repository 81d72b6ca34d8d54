"""What became of every message: published = loaded + duplicate + quarantined + in flight, by stream and lane."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from psycopg2 import sql

from telemetry.aws import client
from telemetry.contracts.model import Stream
from telemetry.deployment import Deployment
from telemetry.lake.history import history_records
from telemetry.lake.partitions import QUEUE, RAW, Lane
from telemetry.lake.records import read_receipts
from telemetry.names import Names
from telemetry.queues import depth, queue_url
from telemetry.warehouse import ledger
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import Counts

FOLDERS = {Lane.lake: RAW, Lane.queue: QUEUE}
"""Where in the raw bucket each lane's objects are."""

METRIC_DAYS = 455
"""How long CloudWatch keeps the hourly sums of its metrics (CloudWatch user guide, "Metrics retention")."""


@dataclass(frozen=True)
class LaneAccount:
    """One lane's messages; ``messages`` are those of the ledger's objects, whose rows the next three count."""

    published: int
    messages: int
    loaded: int
    duplicate: int
    quarantined: int
    in_flight: int

    @property
    def unaccounted(self) -> int:
        """Published, but neither in the ledger nor in flight. Anything but 0 is a loss, or a message counted twice."""
        return self.published - self.messages - self.in_flight

    def document(self) -> dict[str, int]:
        """As ``telemetry status --json`` prints it."""
        names = ("published", "loaded", "duplicate", "quarantined", "in_flight", "unaccounted")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class StreamAccount:
    """One stream: its table, its queue, and its lanes by name. ``freshness_seconds`` is the newest reading's age."""

    readings: int
    freshness_seconds: float | None
    partitions: int
    queue_depth: int
    dlq_depth: int
    lanes: Mapping[Lane, LaneAccount]

    @property
    def in_flight(self) -> int:
        """Of both lanes."""
        return sum(lane.in_flight for lane in self.lanes.values())

    @property
    def unaccounted(self) -> bool:
        """Whether a message of either lane is."""
        return any(lane.unaccounted for lane in self.lanes.values())

    def document(self) -> dict[str, Any]:
        """As ``telemetry status --json`` prints it."""
        names = ("readings", "freshness_seconds", "partitions", "queue_depth", "dlq_depth")
        lanes = {name.value: lane.document() for name, lane in self.lanes.items()}
        return {**{name: getattr(self, name) for name in names}, "lanes": lanes}


class Flow(NamedTuple):
    """CloudWatch's counts of one stream: messages published, and records that Firehose took in and delivered."""

    published: int
    incoming: int
    delivered: int


def account(
    streams: Iterable[Stream], connection: Connection, deployment: Deployment, names: Names
) -> dict[str, StreamAccount]:
    """Count every stream's messages where they are.

    Published are CloudWatch's topic matches of the last ``METRIC_DAYS`` and the records of history objects. CloudWatch
    is minutes late on AWS, and places are counted one after the other: ``unaccounted`` means something once no message
    has come, and no load has run, for as long.
    """
    streams = list(streams)
    flow = flows((stream.stream for stream in streams), names)
    return {
        stream.stream: _stream_account(stream, connection, deployment, names, flow[stream.stream]) for stream in streams
    }


def flows(streams: Iterable[str], names: Names) -> dict[str, Flow]:
    """The flow of every stream over the last ``METRIC_DAYS``."""
    streams = list(streams)
    if not streams:
        return {}
    now = datetime.now(UTC)
    first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=METRIC_DAYS)
    queries = [query for place, stream in enumerate(streams) for query in _queries(place, names, stream)]
    counts: dict[str, int] = defaultdict(int)
    pages = client("cloudwatch").get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, StartTime=first, EndTime=now + timedelta(minutes=1)):
        for result in page["MetricDataResults"]:
            counts[result["Id"]] += round(sum(result["Values"]))
    return {stream: Flow(*(counts[f"{name}_{place}"] for name in Flow._fields)) for place, stream in enumerate(streams)}


def _queries(place: int, names: Names, stream: str) -> Iterator[dict[str, Any]]:
    rule, firehose = names.topic_rule(stream), names.delivery_stream(stream)
    metrics = {
        "published": ("AWS/IoT", "TopicMatch", "RuleName", rule),
        "incoming": ("AWS/Firehose", "IncomingRecords", "DeliveryStreamName", firehose),
        "delivered": ("AWS/Firehose", "DeliveryToS3.Records", "DeliveryStreamName", firehose),
    }
    for name, (namespace, metric, dimension, value) in metrics.items():
        what = {"Namespace": namespace, "MetricName": metric, "Dimensions": [{"Name": dimension, "Value": value}]}
        yield {"Id": f"{name}_{place}", "MetricStat": {"Metric": what, "Period": 86400, "Stat": "Sum"}}


def _stream_account(
    stream: Stream, connection: Connection, deployment: Deployment, names: Names, flow: Flow
) -> StreamAccount:
    name = stream.stream
    readings, newest = _table(connection, stream)
    counts = ledger.counts(connection, stream=name)
    lake = _bucket(connection, deployment.raw_bucket, name, Lane.lake)
    queue = _bucket(connection, deployment.raw_bucket, name, Lane.queue)
    buffered = max(0, flow.incoming - flow.delivered)
    sqs = client("sqs")
    waiting, dead = (depth(sqs, queue_url(sqs, queue)) for queue in (names.queue(name), names.dead_letter_queue(name)))
    return StreamAccount(
        readings=readings,
        freshness_seconds=round((datetime.now(UTC) - newest).total_seconds(), 1) if newest else None,
        partitions=len({count.partition_start for count in counts}),
        queue_depth=waiting,
        dlq_depth=dead,
        lanes={
            Lane.lake: _lane(Lane.lake, counts, flow.published + lake.history, buffered + lake.not_loaded),
            Lane.queue: _lane(Lane.queue, counts, flow.published, waiting + dead + queue.not_loaded),
        },
    )


def _lane(lane: Lane, counts: Iterable[Counts], published: int, in_flight: int) -> LaneAccount:
    rows = [count for count in counts if count.lane == lane]
    sums = {
        name: sum(getattr(row, name) for row in rows) for name in ("messages", "loaded", "duplicate", "quarantined")
    }
    return LaneAccount(published=published, in_flight=in_flight, **sums)


def _table(connection: Connection, stream: Stream) -> tuple[int, datetime | None]:
    """The number of readings and the newest event time; a new stream has no table yet."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", [stream.table])
        if cursor.fetchall() == [(False,)]:
            return 0, None
        cursor.execute(sql.SQL("SELECT count(*), max(event_time) FROM {}").format(sql.Identifier(stream.table)))
        readings, newest = cursor.fetchall()[0]
        return readings, newest


class Objects(NamedTuple):
    """Records that history objects brought, and messages that are in objects and not in the ledger."""

    history: int
    not_loaded: int


def _bucket(connection: Connection, bucket: str, stream: str, lane: Lane) -> Objects:
    s3 = client("s3")
    history = 0
    missing: list[str] = []
    for keys in _pages(s3, bucket, f"{FOLDERS[lane]}/{stream}/"):
        history += sum(history_records(key) or 0 for key in keys)
        loaded = ledger.loaded_keys(connection, bucket, keys)
        missing += [key for key in keys if key not in loaded]
    with ThreadPoolExecutor(max_workers=8) as pool:
        receipts = list(pool.map(lambda key: _receipts(s3, bucket, key), missing))
    ids = set(chain.from_iterable(one.ids for one in receipts))
    if lane is Lane.queue:
        ids -= ledger.known_messages(connection, ids)
    return Objects(history, sum(one.without_id for one in receipts) + len(ids))


def _pages(s3: Any, bucket: str, prefix: str) -> Iterator[list[str]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield [entry["Key"] for entry in page.get("Contents", [])]


class Receipts(NamedTuple):
    """The messages of one object: the ids of their envelopes, and how many have none."""

    ids: set[str]
    without_id: int


def _receipts(s3: Any, bucket: str, key: str) -> Receipts:
    ids: set[str] = set()
    without_id = 0
    for receipt in read_receipts(s3.get_object(Bucket=bucket, Key=key)["Body"]):
        if receipt.message_id is None:
            without_id += 1
        else:
            ids.add(receipt.message_id)
    return Receipts(ids, without_id)
