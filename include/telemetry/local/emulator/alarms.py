"""CloudWatch alarms, evaluated at regular intervals over exactly their own metric.

ministack evaluates alarms only when metric data is put, over all dimensions of a metric together, and supports
neither missing data nor "M out of N". AWS evaluates every alarm continually, over the datapoints of its last evaluation
periods with exactly its dimensions.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from . import metrics, patching

Alarm = dict[str, Any]

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


_changed: set[str] = set()


def install() -> None:
    """Replace ministack's evaluation of one alarm; ministack still evaluates when metric data is put."""
    for name in ("_alarms", "_metrics", "_calc_stats", "_stat_value", "_dims_key", "_dims_from_list"):
        patching.private(cloudwatch, name)
    for name in ("_record_history", "_dispatch_alarm_actions", "_evaluate_parent_alarms"):
        patching.private(cloudwatch, name)
    patching.replace(cloudwatch, "_evaluate_alarm", lambda original: evaluate)


def evaluate_all() -> bool:
    """Evaluate every alarm of every account and region. Return whether any alarm changed state since the last call.

    Only the event loop's thread may call it.
    """
    metrics.settle()
    for account, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
        with request_scope(account, region):
            for alarm in list(cloudwatch._alarms.values()):
                evaluate(alarm)
    changed = bool(_changed)
    _changed.clear()
    return changed


def evaluate(alarm: Alarm) -> None:
    """Set ``alarm`` to the state that its metric implies, and notify if the state changed."""
    if not alarm.get("Namespace") or alarm.get("ComparisonOperator") not in COMPARISONS:
        return
    values = _values(alarm, time.time())
    state = _state(alarm, values)
    if state in (None, alarm["StateValue"]):
        return
    present = [value for value in values if value is not None]
    reason = (
        f"Threshold Crossed: datapoints {present} were compared by {alarm['ComparisonOperator']} "
        f"with the threshold {alarm['Threshold']}"
        if present
        else "Insufficient Data: no datapoints were received"
    )
    former = alarm["StateValue"]
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    _changed.add(alarm["AlarmName"])
    cloudwatch._record_history(alarm["AlarmName"], former, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, former, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _values(alarm: Alarm, now: float) -> list[float | None]:
    """The statistic of the last evaluation periods, oldest first, None where there is no datapoint.

    The running period counts as soon as it has a datapoint, so that an alarm need not wait for a full minute.
    """
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    period, wanted = alarm["Period"], alarm["EvaluationPeriods"]
    running = int(now // period)
    by_period: dict[int, list[Any]] = {}
    for point in points:
        index = int(point["Timestamp"] // period)
        if index >= running - wanted:
            by_period.setdefault(index, []).append(point)
    last = running if running in by_period else running - 1
    return [_statistic(alarm, by_period.get(index)) for index in range(last - wanted + 1, last + 1)]


def _statistic(alarm: Alarm, points: list[Any] | None) -> float | None:
    if not points:
        return None
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    value: float | None = cloudwatch._stat_value(cloudwatch._calc_stats(points), name, points)
    return value


def _state(alarm: Alarm, values: list[float | None]) -> str | None:
    """ALARM, OK or INSUFFICIENT_DATA; None leaves the state unchanged."""
    missing = alarm.get("TreatMissingData", "missing")
    if all(value is None for value in values) and missing in ("missing", "ignore"):
        return "INSUFFICIENT_DATA" if missing == "missing" else None
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    breaching = sum(
        missing == "breaching" if value is None else breaches(value, alarm["Threshold"]) for value in values
    )
    needed = min(alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"], len(values))
    return "ALARM" if breaching >= needed else "OK"
