"""CloudWatch metrics: read what the services counted, and put the results of a closed day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from telemetry.config.names import Names
from telemetry.interval import Interval

METRIC_DAYS = 455
"""How long CloudWatch keeps the hourly sums of its metrics (CloudWatch user guide, "Metrics retention")."""

NAMESPACE = "Telemetry"
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
FIREHOSE_TRIES = timedelta(hours=24)
"""How long Firehose tries to deliver what S3 does not take (developer guide, "Handle data delivery failures")."""
AGE_LOOK_BACK = timedelta(minutes=15)
AT_ONCE = 500
"""Metrics that CloudWatch gives in one call (API reference, GetMetricData)."""


class Metric(NamedTuple):
    """A metric of one dimension."""

    namespace: str
    name: str
    dimension: str
    value: str

    def query(self, id_: str, period: timedelta, statistic: str) -> dict[str, Any]:
        """As GetMetricData takes it."""
        what = {
            "Namespace": self.namespace,
            "MetricName": self.name,
            "Dimensions": _pairs({self.dimension: self.value}),
        }
        return {"Id": id_, "MetricStat": {"Metric": what, "Period": period // timedelta(seconds=1), "Stat": statistic}}


def published(names: Names, stream: str) -> Metric:
    """The messages that the stream's topic rule matched."""
    return Metric("AWS/IoT", "TopicMatch", "RuleName", names.topic_rule(stream))


def published_by(protocol: str) -> Metric:
    """What the message broker took over a protocol, on whatever topics."""
    return Metric("AWS/IoT", "PublishIn.Success", "Protocol", protocol)


def taken(names: Names, stream: str) -> Metric:
    """The records that the stream's Firehose took in."""
    return Metric("AWS/Firehose", "IncomingRecords", "DeliveryStreamName", names.delivery_stream(stream))


def delivered(names: Names, stream: str) -> Metric:
    """The records that the stream's Firehose delivered."""
    return Metric("AWS/Firehose", "DeliveryToS3.Records", "DeliveryStreamName", names.delivery_stream(stream))


def first_day(now: datetime) -> date:
    """The first day of which CloudWatch still has every sum."""
    oldest = now.astimezone(UTC) - timedelta(days=METRIC_DAYS)
    return oldest.date() if oldest == Interval.day(oldest.date()).start else oldest.date() + DAY


def sums(
    cloudwatch: Any, metrics: Iterable[Metric], start: datetime, end: datetime, period: timedelta = DAY
) -> dict[Metric, int]:
    """The sum of each metric from ``start``, at which a period begins, to ``end``."""
    found: dict[Metric, int] = defaultdict(int)
    for metric, _, value in _points(cloudwatch, list(metrics), start, end, period, "Sum"):
        found[metric] += round(value)
    return found


class Flow(NamedTuple):
    """CloudWatch's counts of one stream: messages published, and records that Firehose took in and delivered."""

    published: int
    taken: int
    delivered: int


def flows(cloudwatch: Any, names: Names, streams: Iterable[str], now: datetime) -> dict[str, Flow]:
    """The flow of every stream since ``first_day``."""
    asked = {stream: [metric(names, stream) for metric in (published, taken, delivered)] for stream in streams}
    start = Interval.day(first_day(now)).start
    counts = sums(cloudwatch, chain.from_iterable(asked.values()), start, now + MINUTE)
    return {stream: Flow(*(counts[one] for one in three)) for stream, three in asked.items()}


def buffered(
    cloudwatch: Any, names: Names, streams: Iterable[str], *, until: datetime, now: datetime, held: timedelta
) -> dict[str, int]:
    """By stream, what Firehose may have of the records that it took in before ``until``.

    They are those that it has not delivered; at most as many as it took in during the last ``held``. What it took in
    before that it has no more.
    """
    streams, since = list(streams), now - held
    if since >= until:
        return dict.fromkeys(streams, 0)
    came, went = ([metric(names, stream) for stream in streams] for metric in (taken, delivered))
    first = Interval.day(first_day(now)).start
    all_came, all_went = sums(cloudwatch, came, first, until), sums(cloudwatch, went, first, now + MINUTE)
    lately = sums(cloudwatch, came, since.replace(second=0, microsecond=0), until, MINUTE)
    return {
        stream: max(0, min(lately[one], all_came[one] - all_went[other]))
        for stream, one, other in zip(streams, came, went, strict=True)
    }


def oldest_message_sent(cloudwatch: Any, queue: str, now: datetime) -> datetime | None:
    """Return when the queue's oldest message was sent, according to CloudWatch; ``None`` if it knows of no message."""
    metric = Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue)
    points = _points(cloudwatch, [metric], now - AGE_LOOK_BACK, now + MINUTE, MINUTE, "Maximum")
    measured, age = max(((when, value) for _, when, value in points), default=(now, 0.0))
    return measured - timedelta(seconds=age) if age else None


def put_day_metrics(cloudwatch: Any, stream: str, unaccounted: Mapping[str, int], failed_checks: int) -> None:
    """Put ``UnaccountedMessages`` by lane, ``FailedQualityChecks``, and that a day was closed (``DaysClosed``)."""
    by_lane = [
        _datum("UnaccountedMessages", number, {"Stream": stream, "Lane": lane}) for lane, number in unaccounted.items()
    ]
    of_stream = {"FailedQualityChecks": failed_checks, "DaysClosed": 1}
    data = [*by_lane, *(_datum(name, number, {"Stream": stream}) for name, number in of_stream.items())]
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def _points(
    cloudwatch: Any, metrics: list[Metric], start: datetime, end: datetime, period: timedelta, statistic: str
) -> Iterator[tuple[Metric, datetime, float]]:
    pages = cloudwatch.get_paginator("get_metric_data")
    for first in range(0, len(metrics), AT_ONCE):
        asked = {f"m{number}": metric for number, metric in enumerate(metrics[first : first + AT_ONCE])}
        queries = [metric.query(id_, period, statistic) for id_, metric in asked.items()]
        for page in pages.paginate(MetricDataQueries=queries, StartTime=start, EndTime=end):
            for result in page["MetricDataResults"]:
                for when, value in zip(result["Timestamps"], result["Values"], strict=True):
                    yield asked[result["Id"]], when, value


def _datum(metric: str, value: int, dimensions: Mapping[str, str]) -> dict[str, Any]:
    return {"MetricName": metric, "Dimensions": _pairs(dimensions), "Value": value, "Unit": "Count"}


def _pairs(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]
