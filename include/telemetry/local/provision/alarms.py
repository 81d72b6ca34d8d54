"""CloudWatch alarms: those of the settings, for every stream, which notify the alarm topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from telemetry.config.alarms import expand_alarms
from telemetry.config.settings import Alarm
from telemetry.local.provision.deployment import LocalDeployment, differs


def provision_alarms(local: LocalDeployment) -> None:
    """Create or update every alarm of the settings. Alarms that are no longer in the settings are left alone."""
    cloudwatch = local.client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{local.settings.names.prefix}-")
    existing = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    for wanted in wanted_alarms(local):
        name = wanted["AlarmName"]
        if differs(existing.get(name), wanted):
            cloudwatch.put_metric_alarm(**wanted)
            local.changed(f"alarm {name}: {'changed' if name in existing else 'created'}")


def wanted_alarms(local: LocalDeployment) -> Iterator[dict[str, Any]]:
    """Yield the arguments of PutMetricAlarm for every alarm."""
    for _, alarm in expand_alarms(local.settings, local.streams):
        yield _request(local, alarm)


def _request(local: LocalDeployment, alarm: Alarm) -> dict[str, Any]:
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(alarm.dimensions.items())],
        "Statistic": alarm.statistic,
        "ComparisonOperator": alarm.comparison,
        "Threshold": alarm.threshold,
        "Period": alarm.period_seconds,
        "EvaluationPeriods": alarm.periods,
        "TreatMissingData": alarm.missing_data,
        "AlarmActions": [local.arn("sns", local.settings.names.alarm_topic)],
    }
