"""CloudWatch: what is asked of it to close a day, and what a closed day tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

NAMESPACE = "Telemetry"
DAY_SECONDS = 86400
AGE_LOOK_BACK = timedelta(minutes=15)


def total(
    cloudwatch: Any, namespace: str, metric: str, dimensions: Mapping[str, str], start: datetime, end: datetime
) -> int:
    """The sum of a metric from ``start``, a midnight in UTC, to ``end``."""
    points = _points(cloudwatch, namespace, metric, dimensions, start, end, period=DAY_SECONDS, statistic="Sum")
    return round(sum(value for _, value in points))


def oldest_message_sent(cloudwatch: Any, queue: str, now: datetime) -> datetime | None:
    """When the queue's oldest message was sent, as far as CloudWatch knows; ``None`` where it knows of no message."""
    points = _points(
        cloudwatch,
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        {"QueueName": queue},
        now - AGE_LOOK_BACK,
        now + timedelta(minutes=1),
        period=60,
        statistic="Maximum",
    )
    measured, age = max(points, default=(now, 0.0))
    return measured - timedelta(seconds=age) if age else None


def tell(cloudwatch: Any, stream: str, unaccounted: Mapping[str, int], failed_checks: int) -> None:
    """Put ``UnaccountedMessages`` by lane (too many count as too few do) and ``FailedQualityChecks``."""
    by_lane = [
        _datum("UnaccountedMessages", abs(number), {"Stream": stream, "Lane": lane})
        for lane, number in unaccounted.items()
    ]
    data = [*by_lane, _datum("FailedQualityChecks", failed_checks, {"Stream": stream})]
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def _datum(metric: str, value: int, dimensions: Mapping[str, str]) -> dict[str, Any]:
    return {"MetricName": metric, "Dimensions": _pairs(dimensions), "Value": value, "Unit": "Count"}


def _points(
    cloudwatch: Any,
    namespace: str,
    metric: str,
    dimensions: Mapping[str, str],
    start: datetime,
    end: datetime,
    *,
    period: int,
    statistic: str,
) -> Iterable[tuple[datetime, float]]:
    what = {"Namespace": namespace, "MetricName": metric, "Dimensions": _pairs(dimensions)}
    query = {"Id": "m", "MetricStat": {"Metric": what, "Period": period, "Stat": statistic}}
    pages = cloudwatch.get_paginator("get_metric_data")
    return [
        point
        for page in pages.paginate(MetricDataQueries=[query], StartTime=start, EndTime=end)
        for result in page["MetricDataResults"]
        for point in zip(result["Timestamps"], result["Values"], strict=True)
    ]


def _pairs(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]
