"""The tasks `sense`: what is to be loaded is there, or the task is skipped and says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred

import etl
from etl import HOUR_START, Execution, new_queue, put_raw, queue_execution, reading, send
from telemetry.config.settings import load_settings
from telemetry.interval import HOUR, Interval
from telemetry.lake.layout import queue_prefix
from telemetry_airflow.operators.sense import QUIET, AwaitHourOperator, CheckQueueOperator

pytestmark = pytest.mark.usefixtures("aws", "warehouse")
STREAM = "telemetry"
LOOK_BACK = load_settings().schedules.look_back_hours


class TaskInstance:
    """What the task tells Airflow."""

    def __init__(self) -> None:
        self.pushed: dict[str, str] = {}

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value


def context(start: datetime, end: datetime, asked: datetime | None = None) -> Any:
    run = SimpleNamespace(data_interval_start=start, data_interval_end=end, run_after=asked or end)
    return {"dag_run": run, "params": {}, "ti": TaskInstance()}


def hour_after(hours: int) -> Any:
    """The run of the hour that many after the one that the tests use."""
    return context(HOUR_START + hours * HOUR, HOUR_START + (hours + 1) * HOUR)


def await_hour(context: Any) -> int:
    return AwaitHourOperator(task_id="sense", stream=STREAM).execute(context)


def check_queue(context: Any) -> int:
    return CheckQueueOperator(task_id="sense", stream=STREAM).execute(context)


def tick() -> Any:
    now = datetime.now(UTC)
    return context(now, now + timedelta(minutes=5))


def skipped(task: Any, given: Any) -> str:
    """Why the task was skipped, as the record of the load will have it."""
    with pytest.raises(AirflowSkipException) as skip:
        task(given)
    assert given["ti"].pushed == {QUIET: str(skip.value)}
    return str(skip.value)


def test_objects_of_the_hour_and_late_objects_are_to_be_loaded() -> None:
    put_raw([reading(1)])
    put_raw([reading(2)], hour=HOUR_START - LOOK_BACK * HOUR)
    assert [await_hour(hour_after(hours)) for hours in (0, 1)] == [2, 1]


def test_an_hour_without_arrivals_is_skipped_with_a_reason() -> None:
    put_raw([reading(1)])
    why = skipped(await_hour, hour_after(LOOK_BACK + 1))
    assert why == "Nothing arrived from 2026-03-01T13:00Z to 2026-03-01T17:00Z."


def test_an_hour_with_only_loaded_objects_is_skipped_with_a_reason() -> None:
    put_raw([reading(1)])
    put_raw([reading(2)])
    Execution(STREAM).run()
    why = skipped(await_hour, hour_after(1))
    assert why == "All objects (2) that arrived from 2026-03-01T10:00Z to 2026-03-01T14:00Z are loaded already."
    put_raw([reading(3)])
    assert await_hour(hour_after(1)) == 1


def test_an_unsettled_hour_is_waited_for_in_the_trigger() -> None:
    now = datetime.now(UTC)
    hour = Interval.hour(now)
    with pytest.raises(TaskDeferred) as deferred:
        await_hour(context(hour.start, hour.end, asked=now))
    assert isinstance(deferred.value.trigger, DateTimeTrigger)
    assert deferred.value.trigger.moment == now + load_settings().partition_grace
    assert deferred.value.method_name == "look"
    put_raw([reading(1)], hour=hour.start)
    given = context(hour.start, hour.end, asked=now)
    assert AwaitHourOperator(task_id="sense", stream=STREAM).look(given, deferred.value.trigger.moment) == 1


def test_messages_in_the_queue_are_to_be_loaded() -> None:
    send(new_queue(), [reading(1), reading(2)])
    assert check_queue(tick()) == 2


def test_an_empty_queue_is_skipped_unless_a_drain_left_an_object() -> None:
    send(new_queue(), [reading(1)])
    queue_execution().run()
    why = skipped(check_queue, tick())
    name = load_settings().names.queue(STREAM)
    assert why == f"The queue {name} is empty, and all that was drained from it is loaded."
    key = f"{queue_prefix(STREAM, datetime.now(UTC) - LOOK_BACK * HOUR)}left.jsonl.gz"
    etl.s3().put_object(Bucket=etl.raw_bucket(), Key=key, Body=b"")
    assert check_queue(tick()) == 0
