"""The daily upkeep: what the tasks of the DAG maintenance do, and which loads are abandoned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import BaseOperator

from emulated import Emulator, until
from etl import HOUR_START, at_once, rows
from telemetry.aws.executions import ExecutionStatus, describe_execution, execution_arn, start_or_attach
from telemetry.config.settings import load_settings
from telemetry.interval import HOUR, Interval
from telemetry.local.services.postgres import Login
from telemetry.warehouse.abandoned import close_abandoned
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import Load, close_load, find_load, open_load
from telemetry.warehouse.table_partitions import Month, partition_name
from telemetry_airflow.operators.maintenance import (
    AbandonedLoadsOperator,
    MigrateOperator,
    PartitionsAheadOperator,
    RetentionOperator,
)


def opened(connection: Connection, number: int = 0, minutes_ago: float = 60) -> Load:
    """A load that is open, and has been for so long."""
    load = open_load(
        connection,
        stream="telemetry",
        kind="hourly",
        interval=Interval.hour(HOUR_START + number * HOUR),
        dag_id="telemetry_hourly",
        run_id=f"run-{number}",
        attempt=0,
    )
    with connection, connection.cursor() as cursor:
        began = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        cursor.execute("UPDATE loads SET started_at = %s WHERE load_id = %s", (began, load.load_id))
    return load


def closed(connection: Connection, ending: ExecutionStatus | None, before: datetime | None = None) -> list[str | None]:
    """The errors of the loads that were closed when all executions stood like that."""
    before = before or datetime.now(UTC) - timedelta(minutes=15)
    return [load.error for load in close_abandoned(connection, lambda _: ending, before)]


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        (None, "The execution {} was never started. The logs of the earlier tasks say why."),
        (ExecutionStatus("{}", "SUCCEEDED"), "The execution {} succeeded, but did not close its load."),
        (ExecutionStatus("{}", "FAILED", "States.Runtime", "boom"), "The execution {} failed: States.Runtime: boom"),
        (ExecutionStatus("{}", "TIMED_OUT"), "The execution {} ran out of time."),
        (ExecutionStatus("{}", "ABORTED"), "The execution {} was stopped by hand."),
    ],
    ids=lambda value: value.status if isinstance(value, ExecutionStatus) else "",
)
def test_a_load_whose_execution_is_over_is_closed_and_says_why(
    warehouse: Connection, ending: ExecutionStatus | None, why: str
) -> None:
    load = opened(warehouse)
    if ending:
        ending = ExecutionStatus(load.execution_name, ending.status, ending.error, ending.cause)
    assert closed(warehouse, ending) == [why.format(load.execution_name)]
    found = find_load(warehouse, load.load_id)
    assert (found.status, found.error) == ("failed", why.format(load.execution_name))
    assert found.ended_at is not None
    assert closed(warehouse, ending) == []


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_a_running_load_is_left_alone(warehouse: Connection, status: str) -> None:
    load = opened(warehouse)
    assert closed(warehouse, ExecutionStatus(load.execution_name, status)) == []
    assert find_load(warehouse, load.load_id).status == "running"


def test_a_load_that_has_just_begun_is_left_alone(warehouse: Connection) -> None:
    load = opened(warehouse, minutes_ago=14)
    assert closed(warehouse, None) == []
    assert find_load(warehouse, load.load_id).status == "running"


def test_a_load_that_is_closed_meanwhile_stays_as_it_is(warehouse: Connection, database: Login) -> None:
    load = opened(warehouse)
    another = database.connect()

    def look(load: Load) -> ExecutionStatus:
        close_load(another, load.load_id, status="succeeded")
        return ExecutionStatus(load.execution_name, "SUCCEEDED")

    assert close_abandoned(warehouse, look, datetime.now(UTC)) == []
    assert find_load(warehouse, load.load_id).status == "succeeded"
    another.close()


def test_a_load_whose_execution_starts_after_all_is_closed_by_it(warehouse: Connection) -> None:
    load = opened(warehouse)
    closed(warehouse, None)
    found = close_load(warehouse, load.load_id)
    assert (found.status, found.error) == ("empty", None)


def test_concurrent_runs_close_each_load(warehouse: Connection, database: Login) -> None:
    loads = [opened(warehouse, number) for number in range(20)]

    def run(_: int) -> None:
        connection = database.connect()
        closed(connection, None)
        connection.close()

    assert at_once(3, run) == []
    assert rows(warehouse, "SELECT status, count(*) FROM loads GROUP BY 1") == [("failed", len(loads))]


def run(operator: type[BaseOperator]) -> Any:
    """What the task returns."""
    return operator(task_id="task").execute({})


def test_the_task_asks_step_functions(aws: Emulator, warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    choices = [{"Variable": "$.stop", "IsPresent": True, "Next": "Stop"}]
    slow = {
        "Which": {"Type": "Choice", "Choices": choices, "Default": "Long"},
        "Long": {"Type": "Wait", "Seconds": 600, "End": True},
        "Stop": {"Type": "Fail", "Error": "Planned"},
    }
    machine = aws.state_machine(slow)
    monkeypatch.setenv("TELEMETRY_STATE_MACHINE_ARN", machine)
    running, failed, never, young = (
        opened(warehouse, 0),
        opened(warehouse, 1),
        opened(warehouse, 2),
        opened(warehouse, 3, 1),
    )
    arn = start_or_attach(machine, running.execution_name, {})
    start_or_attach(machine, failed.execution_name, {"stop": "now"})
    name = execution_arn(machine, failed.execution_name)
    until(lambda: (ending := describe_execution(name)) and ending.status == "FAILED", "the execution to fail")
    assert run(AbandonedLoadsOperator) == [failed.execution_name, never.execution_name]
    errors = {load: find_load(warehouse, load.load_id).error for load in (running, failed, never, young)}
    assert errors[failed] == f"The execution {failed.execution_name} failed: Planned"
    assert "was never started" in str(errors[never])
    assert errors[running] is errors[young] is None
    aws.client("stepfunctions").stop_execution(executionArn=arn)
    assert run(AbandonedLoadsOperator) == [running.execution_name]


@pytest.mark.usefixtures("aws")
def test_the_tasks_keep_all_streams(warehouse: Connection) -> None:
    assert run(PartitionsAheadOperator) == []
    last = Month.of(datetime.now(UTC)).plus(load_settings().maintenance.months_ahead)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"DROP TABLE {partition_name('telemetry_readings', last)}")
        cursor.execute(f"DROP TABLE {partition_name('environment_readings', last)}")
        cursor.execute("INSERT INTO queue_messages VALUES ('old', 'raw', 'k', now() - interval '1 year')")
    assert run(PartitionsAheadOperator) == [
        partition_name(f"{stream}_readings", last) for stream in ("environment", "telemetry")
    ]
    assert run(RetentionOperator) == {"message_ids": 1, "readings": 0, "quarantined": 0}


@pytest.mark.usefixtures("aws")
def test_a_stream_without_a_table_does_not_block_the_others(warehouse: Connection) -> None:
    last = partition_name("telemetry_readings", Month.of(datetime.now(UTC)).plus(3))
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"DROP TABLE environment_readings, {last}")
    with pytest.raises(Exception, match="no partitioned table environment_readings"):
        run(PartitionsAheadOperator)
    assert rows(warehouse, "SELECT to_regclass(%s) IS NOT NULL", last) == [(True,)]


def test_the_task_creates_the_tables_of_a_new_warehouse(empty_database: Connection, aws: Emulator) -> None:
    task: BaseOperator = MigrateOperator(task_id="migrate")
    assert "0001_ledger.sql" in str(task.execute({}))
    assert rows(empty_database, "SELECT count(*) FROM telemetry_readings") == [(0,)]
    assert task.execute({}) == []
