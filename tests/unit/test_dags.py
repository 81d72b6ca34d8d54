"""What every DAG keeps to, and what parsing one may cost."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pendulum
import pytest

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry.contracts.stream_settings import StreamSchedules
from telemetry.interval import Interval
from telemetry.paths import INCLUDE, STATE_MACHINE
from telemetry_airflow.operators.etl import LONGEST_WAIT

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.sdk.types import Operator

    from telemetry.warehouse.ledger import LoadKind

DAGS = INCLUDE.parent / "dags"
HEAVY = {"aiobotocore", "boto3", "botocore", "httpx", "numpy", "pandas", "psycopg", "psycopg2", "pyarrow"}
IMPORT = """
import importlib.util, sys
import airflow.sdk, airflow.triggers.base
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("dag_file", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(*{name.split(".")[0] for name in set(sys.modules) - before})
"""
NOON = pendulum.datetime(2020, 7, 13, 12, tz="UTC")
STREAMS = load_streams()
LANES = {"hourly": {"lake"}, "daily": {"lake", "queue"}, "queue": {"queue"}}
KINDS = ("hourly", "daily", "queue")
STREAM_DAG_IDS = [f"{stream}_{kind}" for stream in STREAMS for kind in KINDS]
DAG_IDS = [*STREAM_DAG_IDS, "maintenance"]


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DAG]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(DAGS)
    assert bag.import_errors == {}
    return bag.dags


@pytest.mark.parametrize("file", sorted(DAGS.glob("*.py")), ids=lambda file: file.name)
def test_parsing_imports_nothing_heavy(file: Path) -> None:
    run = [sys.executable, "-c", IMPORT, str(file)]
    imported = subprocess.run(run, check=True, capture_output=True, text=True, cwd=INCLUDE).stdout.split()
    assert "telemetry" in imported
    assert HEAVY.isdisjoint(imported)


def test_every_stream_has_a_dag_of_every_kind_and_no_other_dag_exists(dags: dict[str, DAG]) -> None:
    assert sorted(dags) == sorted(DAG_IDS)


@pytest.mark.parametrize("dag_id", DAG_IDS)
class TestPolicy:
    def test_every_dag_has_tags_and_an_owner(self, dags: dict[str, DAG], dag_id: str) -> None:
        dag = dags[dag_id]
        if dag_id in STREAM_DAG_IDS:
            stream, kind = dag_id.rsplit("_", 1)
            assert dag.tags == {stream, kind, *LANES[kind]}
        else:
            assert dag.tags == {dag_id}
        assert {task.owner for task in dag.tasks} == {"telemetry"}

    def test_every_dag_documents_its_purpose_and_what_to_do_on_failure(self, dags: dict[str, DAG], dag_id: str) -> None:
        text = dags[dag_id].doc_md or ""
        assert dag_id not in STREAM_DAG_IDS or STREAMS[dag_id.rsplit("_", 1)[0]].topic in text
        assert "**When it fails**" in text
        assert not re.search(r"[{}]", text)

    def test_every_task_is_retried_with_backoff_and_bounded(self, dags: dict[str, DAG], dag_id: str) -> None:
        for task in dags[dag_id].tasks:
            assert task.retries is not None
            assert task.retries >= 2
            assert task.retry_exponential_backoff > 1
            assert task.execution_timeout is not None
        assert dags[dag_id].dagrun_timeout is not None

    def test_past_days_run_only_when_asked_for(self, dags: dict[str, DAG], dag_id: str) -> None:
        dag = dags[dag_id]
        assert dag.catchup is False
        assert dag.start_date is not None
        assert dag.start_date <= datetime(2020, 1, 1, tzinfo=UTC)
        assert dag.max_active_runs == (1 if dag_id.endswith(("_queue", "maintenance")) else 3)
        assert dag.is_paused_upon_creation is False

    def test_a_run_s_data_interval_is_not_empty(self, dags: dict[str, DAG], dag_id: str) -> None:
        from airflow.serialization.encoders import coerce_to_core_timetable

        interval = coerce_to_core_timetable(dags[dag_id].timetable).infer_manual_data_interval(run_after=NOON)
        assert interval.start < interval.end <= NOON


@pytest.mark.parametrize("kind", KINDS)
def test_a_dag_runs_by_the_stream_s_own_schedule_or_by_the_default(dags: dict[str, DAG], kind: LoadKind) -> None:
    from telemetry_airflow.dag_factory import stream_dag

    schedules = {"hourly": "5 * * * *", "daily": "0 12 * * *", "queue": "10,40 * * * *"}
    stream = STREAMS["telemetry"].model_copy(update={"schedules": StreamSchedules.model_validate(schedules)})
    assert schedule(stream_dag(stream, kind, max_active_runs=1, doc="")) == schedules[kind]
    assert schedule(dags[f"telemetry_{kind}"]) == getattr(load_settings().schedules, kind)


def schedule(dag: DAG) -> object:
    """Its cron expression."""
    return getattr(dag.timetable, "expression", None)


@pytest.mark.parametrize("dag_id", STREAM_DAG_IDS)
def test_the_load_is_recorded_whether_or_not_the_rest_succeeded(dags: dict[str, DAG], dag_id: str) -> None:
    last = dags[dag_id].get_task("record_load")
    assert last.trigger_rule == "all_done"
    assert last.downstream_task_ids == ({"close_day"} if dag_id.endswith("_daily") else set())
    assert last.upstream_task_ids == {"run_etl"}


def test_maintenance_tasks_wait_for_the_tables_but_not_for_each_other(dags: dict[str, DAG]) -> None:
    dag, others = dags["maintenance"], {"partitions_ahead", "retention", "abandoned_loads"}
    assert set(dag.task_ids) == {"migrate"} | others
    assert dag.get_task("migrate").downstream_task_ids == others
    assert all(dag.get_task(task).downstream_task_ids == set() for task in others)


@pytest.mark.parametrize(
    ("dag_id", "partition"),
    [("telemetry_hourly", "2020-07-13T05"), ("telemetry_daily", "2020-07-13"), ("telemetry_daily", None)],
)
def test_a_partition_is_taken(dags: dict[str, DAG], dag_id: str, partition: str | None) -> None:
    assert dags[dag_id].params.get_param("partition").resolve(partition) == partition


@pytest.mark.parametrize(
    ("dag_id", "partition"),
    [
        ("telemetry_hourly", "2020-07-13"),
        ("telemetry_hourly", "2020-07-13T24"),
        ("telemetry_hourly", "2020-13-01T05"),
        ("telemetry_daily", "2020-07-13T05"),
        ("telemetry_daily", "2020-02-30"),
        ("telemetry_daily", "yesterday"),
        ("telemetry_daily", 20200713),
    ],
)
def test_an_invalid_partition_is_refused(dags: dict[str, DAG], dag_id: str, partition: object) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match=str(partition)):
        dags[dag_id].params.get_param("partition").resolve(partition)


@pytest.mark.parametrize("dag_id", STREAM_DAG_IDS)
def test_the_wait_for_an_execution_is_as_long_as_its_timeout(dags: dict[str, DAG], dag_id: str) -> None:
    """Else a load that goes on would be told as failed, and the next run would start another beside it."""
    dag, limit = dags[dag_id], timedelta(seconds=json.loads(STATE_MACHINE.read_text())["TimeoutSeconds"])
    assert limit < LONGEST_WAIT
    assert dag.dagrun_timeout is not None
    others = [task for task in dag.tasks if task.task_id != "run_etl"]
    assert dag.dagrun_timeout > LONGEST_WAIT + 2 * max(map(least_delay, others))


@pytest.mark.parametrize("stream", STREAMS)
def test_closing_a_day_is_retried_until_the_queue_is_past_it(dags: dict[str, DAG], stream: str) -> None:
    """The queue is drained at every tick; after an outage it takes several until no message of the day is in it."""
    close_day = dags[f"{stream}_daily"].get_task("close_day")
    tick = Interval.tick(load_settings().for_stream(STREAMS[stream]).schedules.queue, NOON)
    assert least_delay(close_day) > timedelta(hours=1), "a stream's own schedule may leave an hour between two runs"
    assert least_delay(close_day) >= 12 * (tick.end - tick.start)
    assert close_day.retry_delay < tick.end - tick.start  # what was but a hiccup is over soon


def least_delay(task: Operator) -> timedelta:
    """From a task's first try to its last; Airflow may take up to twice as long."""
    assert isinstance(task.retry_delay, timedelta)
    assert isinstance(task.max_retry_delay, timedelta)
    delays = [task.retry_delay * task.retry_exponential_backoff**number for number in range(task.retries or 0)]
    return sum((min(delay, task.max_retry_delay) for delay in delays), timedelta())


@pytest.mark.parametrize("stream", STREAMS)
def test_a_day_is_closed_only_when_its_load_succeeded(dags: dict[str, DAG], stream: str) -> None:
    last = dags[f"{stream}_daily"].get_task("close_day")
    assert last.trigger_rule == "all_success"
    assert last.upstream_task_ids == {"record_load"}
    assert last.downstream_task_ids == set()
