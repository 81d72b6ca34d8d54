"""CloudWatch metrics that AWS services publish themselves, and ministack does not.

Counts are collected in memory. They are moved ("settled") into CloudWatch each second, and before CloudWatch answers a
request, so that reads are exact. CloudWatch then has one statistic set per metric and minute, the resolution at which
AWS publishes. A count belongs to the minute in which it happened. Counts, and the data of PutMetricData, are journaled.

https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch

from . import patching
from .journal import journal

MINUTE = 60
EVICTION_EVERY = 60.0
KEPT_SECONDS = 455 * 86_400
"""As long as AWS keeps hourly sums, from which published messages are counted; ministack keeps two weeks."""


class Metric(NamedTuple):
    """One metric of one account and region; ``dimensions`` as pairs of name and value."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str = "Count"


@dataclass
class Statistics:
    """The statistic set of one minute's samples."""

    samples: int
    total: float
    low: float
    high: float

    def merge(self, other: Statistics) -> None:
        self.samples += other.samples
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)


_pending: dict[tuple[Metric, int], Statistics] = {}
_indices: dict[int, dict[Metric, int]] = {}
_replayed: dict[int, Metric] = {}


def record(metric: Metric, value: float = 1, times: int = 1, at: float | None = None) -> None:
    """Record ``times`` samples of ``value``, now or at the time ``at``. Any thread may call it."""
    minute = int(time.time() if at is None else at) // MINUTE
    with journal:
        journal.add("metric", _index(metric), minute, value, times)
        _count(metric, minute, value, times)


def _index(metric: Metric) -> int:
    """The metric's number in the current journal file, which names each metric once to stay short."""
    if journal.number not in _indices:
        _indices.clear()
        _indices[journal.number] = {}
    known = _indices[journal.number]
    index = known.get(metric)
    if index is None:
        index = known[metric] = len(known)
        journal.add("metric name", index, *metric)
    return index


def _count(metric: Metric, minute: int, value: float, times: int) -> None:
    held = _pending.get((metric, minute))
    if held is None:
        _pending[metric, minute] = Statistics(times, value * times, value, value)
    else:
        held.merge(Statistics(times, value * times, value, value))


def settle() -> None:
    """Move the collected counts into CloudWatch. Only the event loop's thread may call it."""
    with journal:
        for (metric, minute), statistics in _pending.items():
            with request_scope(metric.account, metric.region):
                _store(metric, minute * MINUTE, statistics)
        _pending.clear()


def _store(metric: Metric, timestamp: int, statistics: Statistics) -> None:
    dimensions = dict(metric.dimensions)
    points: list[dict[str, Any]] = patching.private(cloudwatch, "_metric_bucket")(
        (metric.namespace, metric.name, patching.private(cloudwatch, "_dims_key")(dimensions))
    )
    point = next((p for p in reversed(points[-3:]) if p["Timestamp"] == timestamp and "_stat" in p), None)
    if point is None:
        point = {"Timestamp": timestamp, "Unit": metric.unit, "Dimensions": dimensions}
        points.append(point)
    else:
        held = point["_stat"]
        statistics.merge(Statistics(held["SampleCount"], held["Sum"], held["Minimum"], held["Maximum"]))
    point["_stat"] = {
        "SampleCount": statistics.samples,
        "Sum": statistics.total,
        "Minimum": statistics.low,
        "Maximum": statistics.high,
    }
    point["Value"] = statistics.total / statistics.samples


def install() -> None:
    """Settle before CloudWatch answers and before its state is saved; journal the data of PutMetricData.

    ministack evicts old datapoints before each CloudWatch operation, so that is the place to settle; the eviction
    itself runs once a minute.
    """
    patching.private(cloudwatch, "_metric_bucket")
    patching.private(cloudwatch, "_dims_key")
    patching.replace(cloudwatch, "TWO_WEEKS_SECONDS", lambda _: KEPT_SECONDS)
    patching.replace(cloudwatch, "_evict_old_metrics", _settle_before_evicting)
    patching.replace(cloudwatch, "get_state", _settle_first)
    patching.replace(cloudwatch, "_store_datum", _journal_datum)
    journal.register("metric name", "", _replay_name)
    journal.register("metric", "cloudwatch", _replay_count)


def _replay_name(index: int, account: str, region: str, namespace: str, name: str, pairs: Any, unit: str) -> None:
    _replayed[index] = Metric(account, region, namespace, name, tuple((key, value) for key, value in pairs), unit)


def _replay_count(index: int, *counted: Any) -> None:
    _count(_replayed[index], *counted)


def _settle_first(get_state: Any) -> Any:
    def settle_then_get() -> Any:
        settle()
        return get_state()

    return settle_then_get


def _journal_datum(store: Any) -> Any:
    def replay_datum(account: str, region: str, *datum: Any) -> None:
        with request_scope(account, region):
            store(*datum)

    def store_journaled(*datum: Any) -> None:
        with journal:
            journal.add("datum", get_account_id(), get_region(), *datum)
            store(*datum)

    journal.register("datum", "cloudwatch", replay_datum)
    return store_journaled


def _settle_before_evicting(evict: Any) -> Any:
    evicted = 0.0

    def settle_then_evict() -> None:
        nonlocal evicted
        settle()
        if time.monotonic() - evicted >= EVICTION_EVERY:
            evict()
            evicted = time.monotonic()

    return settle_then_evict
