"""Which interval a DAG run loads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from hypothesis import given
from hypothesis import strategies as st

from telemetry.config.settings import load_settings
from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.paths import SETTINGS
from telemetry_airflow.intervals import interval_of, settled_at
from telemetry_airflow.operators.close_day import CloseDayOperator
from telemetry_airflow.operators.sense import AwaitHourOperator

if TYPE_CHECKING:
    from telemetry.warehouse.ledger import LoadKind


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Run:
    run_after: datetime
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None


BY_HAND = Run(at("2026-11-22T10:07:41"))
HOUR = Run(at("2026-11-22T10:00"), at("2026-11-22T09:00"), at("2026-11-22T10:00"))
DAY = Run(at("2026-11-22T00:30"), at("2026-11-21T00:30"), at("2026-11-22T00:30"))
TICK = Run(at("2026-11-22T10:05"), at("2026-11-22T10:00"), at("2026-11-22T10:05"))


@pytest.mark.parametrize(
    ("kind", "run", "partition", "start", "end"),
    [
        ("hourly", HOUR, None, "2026-11-22T09:00", "2026-11-22T10:00"),
        ("hourly", BY_HAND, None, "2026-11-22T09:00", "2026-11-22T10:00"),
        ("hourly", HOUR, "2020-07-13T05", "2020-07-13T05:00", "2020-07-13T06:00"),
        ("daily", DAY, None, "2026-11-21", "2026-11-22"),
        ("daily", BY_HAND, None, "2026-11-21", "2026-11-22"),
        ("daily", DAY, "2020-02-29", "2020-02-29", "2020-03-01"),
        ("queue", TICK, None, "2026-11-22T10:00", "2026-11-22T10:05"),
        ("queue", BY_HAND, None, "2026-11-22T10:05", "2026-11-22T10:10"),
    ],
)
def test_the_interval_of_a_run(kind: LoadKind, run: Run, partition: str | None, start: str, end: str) -> None:
    assert interval_of("telemetry", kind, run, partition) == Interval(at(start), at(end))


@pytest.mark.parametrize(("kind", "partition"), [("hourly", "2020-02-30T05"), ("daily", "2020-02-30")])
def test_a_day_that_does_not_exist_is_refused(kind: LoadKind, partition: str) -> None:
    with pytest.raises(TelemetryError, match=f"{partition}.*Example: 2020-07-13"):
        interval_of("telemetry", kind, BY_HAND, partition)


@pytest.mark.parametrize(
    ("task", "partition"),
    [
        (AwaitHourOperator(task_id="sense", stream="telemetry"), "2026-02-30T05"),
        (CloseDayOperator(task_id="close_day", stream="telemetry"), "2026-02-30"),
        (CloseDayOperator(task_id="close_day", stream="telemetry"), "9999-12-31"),
    ],
    ids=lambda value: getattr(value, "task_id", value),
)
def test_a_day_that_does_not_exist_is_not_retried(task: BaseOperator, partition: str) -> None:
    context: Any = {"dag_run": BY_HAND, "params": {"partition": partition}}
    with pytest.raises(AirflowFailException, match=f"{partition}.*Example: 2020-07-13"):
        task.execute(context)


CRONS = st.sampled_from(["*/5 * * * *", "*/7 * * * *", "30 0 * * *", "15 2 * * 1", "0 0 29 2 *"])
MOMENTS = st.datetimes(
    datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.sampled_from([UTC, ZoneInfo("Asia/Tokyo")])
)


@given(cron=CRONS, moment=MOMENTS)
def test_every_moment_is_in_its_queue_interval_and_intervals_are_adjacent(cron: str, moment: datetime) -> None:
    tick = Interval.tick(cron, moment)
    assert tick.start <= moment < tick.end
    assert Interval.tick(cron, tick.start) == tick
    assert Interval.tick(cron, tick.end).start == tick.end
    assert Interval.tick(cron, tick.start - timedelta(microseconds=1)).end == tick.start


def test_a_manual_queue_run_has_the_interval_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS.read_text().replace("*/5 * * * *", "*/15 * * * *"))
    monkeypatch.setattr(load_settings, "__defaults__", (path, {}))
    assert interval_of("telemetry", "queue", BY_HAND) == Interval(at("2026-11-22T10:00"), at("2026-11-22T10:15"))


@pytest.mark.parametrize(
    ("asked", "settled"),
    [
        ("2026-11-22T10:00", "2026-11-22T10:02"),  # scheduled, at the end of the hour
        ("2026-11-22T12:00", "2026-11-22T10:02"),  # asked for later
        ("2026-11-22T09:30", "2026-11-22T09:32"),  # asked for while the hour lasts: what had arrived by then
    ],
)
def test_when_an_hour_is_settled(asked: str, settled: str) -> None:
    hour = Interval.hour(at("2026-11-22T09:15"))
    assert settled_at(hour, at(asked), timedelta(minutes=2)) == at(settled)
