"""The DAGs on the whole stack: every run ends on the ledger, and never runs the ETL twice."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Protocol
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extras import RealDictCursor

from telemetry.airflow_rest.runs import AirflowApi, Backfill, DagRun
from telemetry.aws.clients import client
from telemetry.aws.executions import input_of
from telemetry.config.settings import load_settings
from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.lake.layout import raw_prefix
from telemetry.warehouse.ledger import open_load
from telemetry.warehouse.table_partitions import Month, partition_name
from telemetry_airflow.dag_factory import START

STREAM = "telemetry"
LONG = 240.0  # seconds that a run may take on a busy machine
DAYS = (date(2020, 3, 1) + timedelta(days=n) for n in count())  # each a day that no other test has


class Stack(Protocol):
    """What these tests need of the stack."""

    @property
    def environment(self) -> dict[str, str]: ...
    @property
    def airflow_api(self) -> AirflowApi: ...


@pytest.fixture
def api(stack: Stack) -> AirflowApi:
    return stack.airflow_api


@pytest.fixture
def clients(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    return client


@pytest.fixture
def ledger(stack: Stack, clients: Any) -> Iterator[RealDictCursor]:
    secret_id = stack.environment["TELEMETRY_DATABASE_SECRET"]
    secret = json.loads(clients("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"])
    names = {"user" if name == "username" else name: secret[name] for name in ("host", "port", "dbname", "username")}
    connection = psycopg2.connect(**names, password=secret["password"])
    connection.autocommit = True
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        yield cursor
    connection.close()


def put_readings(stack: Stack, clients: Any, hour: datetime, readings: int = 3) -> None:
    """An hour partition with one more history object of that many readings: its name says so, for the accounts."""
    messages = [
        {
            "device_id": f"device-{n}",
            "timestamp": (hour + timedelta(seconds=n)).isoformat(),
            "temperature": 20.0 + n,
            "humidity": 40.0,
        }
        for n in range(readings)
    ]
    body = gzip.compress("".join(json.dumps(message) + "\n" for message in messages).encode())
    key = f"{raw_prefix(STREAM, hour)}history-{readings}-{uuid4().hex[:16]}.jsonl.gz"
    clients("s3").put_object(Bucket=stack.environment["TELEMETRY_RAW_BUCKET"], Key=key, Body=body)


def loads_of(ledger: RealDictCursor, kind: str, start: datetime) -> list[dict[str, Any]]:
    """The ledger's rows of one interval, by generation."""
    ledger.execute(
        "SELECT * FROM loads WHERE stream = %s AND kind = %s AND interval_start = %s ORDER BY generation",
        (STREAM, kind, start),
    )
    return [dict(row) for row in ledger.fetchall()]


def finish(api: AirflowApi, run: DagRun) -> DagRun:
    return list(api.watch(run, LONG))[-1]


def finish_backfill(api: AirflowApi, backfill: Backfill) -> list[DagRun]:
    return list(api.watch_backfill(backfill, LONG))[-1].runs


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def test_a_backfill_takes_both_days_once_and_again_as_another_generation(
    stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor
) -> None:
    days = [next(DAYS), next(DAYS)]
    for day in days:
        put_readings(stack, clients, midnight(day) + timedelta(hours=5))
    for generation, (status, loaded) in enumerate([("succeeded", 3), ("empty", 0)]):
        runs = finish_backfill(api, api.create_backfill(f"{STREAM}_daily", days[0], days[1]))
        assert [run.state for run in runs] == ["success", "success"]
        for day in days:
            load = loads_of(ledger, "daily", midnight(day))[generation]
            assert (load["generation"], load["status"], load["loaded"]) == (generation, status, loaded)
            assert load["dag_id"] == f"{STREAM}_daily"
            assert load["run_id"] in [run.run_id for run in runs]
            assert load["attempt"] == generation
    for day in days:
        ledger.execute("SELECT * FROM reconciliations WHERE stream = %s AND day = %s", (STREAM, day))
        (lane,) = ledger.fetchall()  # CloudWatch knows nothing of a day so long ago: its history is all there is
        assert (lane["lane"], lane["published"], lane["accounted"], lane["unaccounted"]) == ("lake", 3, 3, 0)
        ledger.execute("SELECT sum(readings) AS readings FROM telemetry_rollup WHERE day = %s", (day,))
        assert ledger.fetchall() == [{"readings": 3}]


def test_a_failed_execution_fails_the_run_and_is_recorded_with_its_cause(
    stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor
) -> None:
    """The load's execution was started and stopped before the run: the run joins the load and attaches to it."""
    day = next(DAYS)
    with psycopg2.connect(ledger.connection.dsn, password=ledger.connection.info.password) as connection:
        load = open_load(
            connection,
            stream=STREAM,
            kind="daily",
            interval=Interval.day(day),
            dag_id=f"{STREAM}_daily",
            run_id="an earlier run",
            attempt=0,
        )
    name = load.execution_name
    document = json.dumps(input_of(STREAM, "daily", Interval.day(day)), sort_keys=True)
    machine = stack.environment["TELEMETRY_STATE_MACHINE_ARN"]
    step_functions = clients("stepfunctions")
    arn = step_functions.start_execution(stateMachineArn=machine, name=name, input=document)["executionArn"]
    step_functions.stop_execution(executionArn=arn, error="Operator", cause="wrong day")
    run = finish(api, api.trigger(f"{STREAM}_daily", partition=day.isoformat()))
    assert run.state == "failed"
    (row,) = loads_of(ledger, "daily", midnight(day))
    assert row["status"] == "failed"
    assert "was stopped by hand: Operator: wrong day" in row["error"]
    failed = {task.task_id: task.errors for task in api.failed_tasks(run)}
    assert failed.keys() == {"run_etl", "record_load"}
    assert all("wrong day" in errors[-1] for errors in failed.values())


def test_a_cleared_run_is_a_new_generation_that_loads_the_rest(
    stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor
) -> None:
    day = next(DAYS)
    put_readings(stack, clients, midnight(day))
    run = finish(api, api.trigger(f"{STREAM}_daily", partition=day.isoformat()))
    put_readings(stack, clients, midnight(day) + timedelta(hours=1), readings=2)
    assert finish(api, api.clear(run.dag_id, run.run_id)).state == "success"
    loads = loads_of(ledger, "daily", midnight(day))
    assert [(load["generation"], load["attempt"], load["loaded"]) for load in loads] == [(0, 0, 3), (1, 1, 2)]


def test_two_runs_of_one_day_at_once_never_load_it_twice(
    stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor
) -> None:
    day = next(DAYS)
    put_readings(stack, clients, midnight(day))
    runs = [api.trigger(f"{STREAM}_daily", partition=day.isoformat()) for _ in range(2)]
    assert [finish(api, run).state for run in runs] == ["success", "success"]
    assert sum(load["loaded"] for load in loads_of(ledger, "daily", midnight(day))) == 3


def test_an_hour_without_objects_skips_the_etl_and_is_recorded(api: AirflowApi, ledger: RealDictCursor) -> None:
    hour = midnight(next(DAYS)) + timedelta(hours=12)
    run = finish(api, api.trigger(f"{STREAM}_hourly", partition=f"{hour:%Y-%m-%dT%H}"))
    assert run.state == "success"
    (load,) = loads_of(ledger, "hourly", hour)
    assert load["status"] == "empty"
    assert load["error"].startswith("Nothing arrived from ")
    assert load["execution_arn"] is None


def test_an_hour_with_everything_loaded_skips_the_etl_and_is_recorded(
    stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor
) -> None:
    """The hour looks back to one that was busy, whose objects are in the ledger."""
    busy = midnight(next(DAYS)) + timedelta(hours=12)
    put_readings(stack, clients, busy)
    for hour in (busy, busy + timedelta(hours=1)):
        assert finish(api, api.trigger(f"{STREAM}_hourly", partition=f"{hour:%Y-%m-%dT%H}")).state == "success"
    (load,) = loads_of(ledger, "hourly", busy + timedelta(hours=1))
    assert (load["status"], load["execution_arn"]) == ("empty", None)
    assert load["error"].startswith("All objects (1) that arrived from ")
    assert load["error"].endswith(" are loaded already.")


def test_an_unfinished_hour_is_waited_for_and_loaded_as_far_as_it_arrived(
    stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor
) -> None:
    hour, asked = Interval.hour(datetime.now(UTC)).start, datetime.now(UTC)
    put_readings(stack, clients, hour)
    run = finish(api, api.trigger(f"{STREAM}_hourly", partition=f"{hour:%Y-%m-%dT%H}"))
    assert run.state == "success"
    load = loads_of(ledger, "hourly", hour)[-1]
    assert load["status"] == "succeeded"
    assert load["loaded"] >= 3
    assert load["started_at"] > asked + timedelta(seconds=load_settings().schedules.delivery_margin_seconds)


def test_an_hour_is_loaded(stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor) -> None:
    hour = midnight(next(DAYS)) + timedelta(hours=7)
    put_readings(stack, clients, hour)
    assert finish(api, api.trigger(f"{STREAM}_hourly", partition=f"{hour:%Y-%m-%dT%H}")).state == "success"
    (load,) = loads_of(ledger, "hourly", hour)
    assert (load["status"], load["loaded"]) == ("succeeded", 3)


def test_maintenance_closes_abandoned_loads_deletes_old_ids_and_creates_partitions(
    api: AirflowApi, ledger: RealDictCursor
) -> None:
    day = midnight(next(DAYS))
    ledger.execute(
        """INSERT INTO loads
            (stream, kind, interval_start, interval_end, generation, execution_name, dag_id, run_id, started_at)
        VALUES (%s, 'daily', %s, %s, 0, %s, %s, 'abandoned', now() - interval '1 hour')""",
        (STREAM, day, day + timedelta(days=1), f"abandoned-{uuid4().hex}", f"{STREAM}_daily"),
    )
    ledger.execute("INSERT INTO queue_messages VALUES (%s, 'raw', 'k', now() - interval '1 year')", (uuid4().hex,))
    last = partition_name(f"{STREAM}_readings", Month.of(datetime.now(UTC)).plus(3))
    ledger.execute(f"DROP TABLE {last}")
    run = finish(api, api.trigger("maintenance"))
    assert run.state == "success"
    (load,) = loads_of(ledger, "daily", day)
    assert load["status"] == "failed"
    assert load["error"].endswith("was never started. The logs of the earlier tasks say why.")
    ledger.execute("SELECT count(*) AS old FROM queue_messages WHERE received_at < now() - interval '35 days'")
    assert ledger.fetchall() == [{"old": 0}]
    ledger.execute("SELECT to_regclass(%s) IS NOT NULL AS present", (last,))
    assert ledger.fetchall() == [{"present": True}]


@pytest.mark.parametrize(
    ("dag_id", "partition"), [(f"{STREAM}_daily", "2020-02-30"), (f"{STREAM}_hourly", "2020-07-13")]
)
def test_an_invalid_partition_is_refused_in_one_line(api: AirflowApi, dag_id: str, partition: str) -> None:
    with pytest.raises(TelemetryError, match=partition) as refusal:
        api.trigger(dag_id, partition=partition)
    assert "\n" not in refusal.value.message


def test_a_backfill_counts_no_run_by_hand_of_its_day(
    stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor
) -> None:
    """A run that is triggered in Airflow's UI bears the date of that moment, and loads the day before."""
    day = next(DAYS)
    api.wait_for_dag(f"{STREAM}_daily")
    asked = {"logical_date": (midnight(day) + timedelta(hours=14, minutes=7)).isoformat(), "conf": {}}
    by_hand = DagRun.model_validate(api._ask("POST", f"api/v2/dags/{STREAM}_daily/dagRuns", json=asked))
    assert finish(api, by_hand).state == "success"
    put_readings(stack, clients, midnight(day))
    (run,) = finish_backfill(api, api.create_backfill(f"{STREAM}_daily", day, day))
    assert (run.state, run.day) == ("success", day)
    assert run.run_id != by_hand.run_id
    assert [load["loaded"] for load in loads_of(ledger, "daily", midnight(day))] == [3]


def test_a_day_before_the_dag_s_start_date_is_backfilled_all_the_same(
    stack: Stack, api: AirflowApi, clients: Any, ledger: RealDictCursor
) -> None:
    day = (START - timedelta(days=2)).date()
    put_readings(stack, clients, midnight(day))
    assert [run.state for run in finish_backfill(api, api.create_backfill(f"{STREAM}_daily", day, day))] == ["success"]
    assert [load["loaded"] for load in loads_of(ledger, "daily", midnight(day))] == [3]


def test_a_backfill_takes_no_day_that_is_not_over(api: AirflowApi) -> None:
    today = datetime.now(UTC).date()
    with pytest.raises(TelemetryError, match="is not over"):
        api.create_backfill(f"{STREAM}_daily", today, today)


def test_a_missing_dag_is_not_waited_for_indefinitely(api: AirflowApi) -> None:
    with pytest.raises(TelemetryError, match="the DAG nothing_daily"):
        api.wait_for_dag("nothing_daily", timeout=2)
