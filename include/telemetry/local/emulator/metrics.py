"""CloudWatch metrics that AWS services publish of themselves and ministack does not.

Metrics are counted in memory and settled into CloudWatch as one statistic set a minute and metric, the resolution AWS
publishes at: each second, and before CloudWatch answers anything, so that what is read is exact. A count belongs to
the minute it happened in.

https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html
https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from . import seam

MINUTE = 60
EVICTION_EVERY = 60.0


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
_lock = threading.Lock()


def record(metric: Metric, value: float = 1, times: int = 1) -> None:
    """Count ``value``, seen ``times`` times just now. Any thread may call it."""
    key = (metric, int(time.time()) // MINUTE)
    with _lock:
        held = _pending.get(key)
        if held is None:
            _pending[key] = Statistics(times, value * times, value, value)
        else:
            held.merge(Statistics(times, value * times, value, value))


def settle() -> None:
    """Move what was recorded into CloudWatch. Only the event loop's thread may call it."""
    with _lock:
        recorded = dict(_pending)
        _pending.clear()
    for (metric, minute), statistics in recorded.items():
        with request_scope(metric.account, metric.region):
            _store(metric, minute * MINUTE, statistics)


def _store(metric: Metric, timestamp: int, statistics: Statistics) -> None:
    dimensions = dict(metric.dimensions)
    points: list[dict[str, Any]] = seam.private(cloudwatch, "_metric_bucket")(
        (metric.namespace, metric.name, seam.private(cloudwatch, "_dims_key")(dimensions))
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
    """Settle before CloudWatch answers.

    ministack's eviction of old datapoints is the one thing it calls before each of its operations; once a minute is
    enough for that.
    """
    seam.private(cloudwatch, "_metric_bucket")
    seam.private(cloudwatch, "_dims_key")
    seam.replace(cloudwatch, "_evict_old_metrics", _settling)


def _settling(evict: Any) -> Any:
    evicted = 0.0

    def settle_then_evict() -> None:
        nonlocal evicted
        settle()
        if time.monotonic() - evicted >= EVICTION_EVERY:
            evict()
            evicted = time.monotonic()

    return settle_then_evict
