"""CloudWatch metrics that AWS services publish of themselves and ministack does not.

Metrics are counted in memory and settled into CloudWatch as one statistic set a minute and metric, the resolution AWS
publishes at: each second, and before CloudWatch answers anything, so that what is read is exact. A count belongs to
the minute it happened in. All of it is journaled, and so is what is put with PutMetricData: a kill loses no count.

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
"""As long as CloudWatch keeps hourly sums, which is what published messages are counted from; ministack: two weeks."""


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
    """What CloudWatch keeps of a minute's samples."""

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
    """Count ``value``, seen ``times`` times just now, or ``at`` that time. Any thread may call it."""
    minute = int(time.time() if at is None else at) // MINUTE
    with journal:
        journal.add("metric", _index(metric), minute, value, times)
        _count(metric, minute, value, times)


def _index(metric: Metric) -> int:
    """A number for the metric in the current journal file, which says it once: there are many counts of few metrics."""
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
    """Move what was recorded into CloudWatch. Only the event loop's thread may call it."""
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
    """Settle before CloudWatch answers and before its state is taken; journal what others put.

    ministack's eviction of old datapoints is the one thing it calls before each of its operations; once a minute is
    enough for that.
    """
    patching.private(cloudwatch, "_metric_bucket")
    patching.private(cloudwatch, "_dims_key")
    patching.replace(cloudwatch, "TWO_WEEKS_SECONDS", lambda _: KEPT_SECONDS)
    patching.replace(cloudwatch, "_evict_old_metrics", _settling)
    patching.replace(cloudwatch, "get_state", _settled)
    patching.replace(cloudwatch, "_store_datum", _journaled)
    journal.register("metric name", "", _name_again)
    journal.register("metric", "cloudwatch", _count_again)


def _name_again(index: int, account: str, region: str, namespace: str, name: str, pairs: Any, unit: str) -> None:
    _replayed[index] = Metric(account, region, namespace, name, tuple((key, value) for key, value in pairs), unit)


def _count_again(index: int, *counted: Any) -> None:
    _count(_replayed[index], *counted)


def _settled(get_state: Any) -> Any:
    def settle_then_get() -> Any:
        settle()
        return get_state()

    return settle_then_get


def _journaled(store: Any) -> Any:
    def store_again(account: str, region: str, *datum: Any) -> None:
        with request_scope(account, region):
            store(*datum)

    def store_journaled(*datum: Any) -> None:
        with journal:
            journal.add("datum", get_account_id(), get_region(), *datum)
            store(*datum)

    journal.register("datum", "cloudwatch", store_again)
    return store_journaled


def _settling(evict: Any) -> Any:
    evicted = 0.0

    def settle_then_evict() -> None:
        nonlocal evicted
        settle()
        if time.monotonic() - evicted >= EVICTION_EVERY:
            evict()
            evicted = time.monotonic()

    return settle_then_evict
