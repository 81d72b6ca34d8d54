"""The task record_load: a load that closed itself stays as it closed itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from emulated import Emulator
from etl import HOUR_START
from telemetry.interval import Interval
from telemetry.local.services.postgres import Login
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import Load, close_load, find_load, open_load
from telemetry_airflow.operators.etl import LOAD_ID, RecordLoadOperator

RUN = SimpleNamespace(
    dag_id="telemetry_hourly",
    run_id="run",
    clear_number=0,
    data_interval_start=HOUR_START,
    data_interval_end=HOUR_START,
    run_after=HOUR_START,
)


class TaskInstance:
    """What the task asks Airflow: the tasks before it, and at that moment something may happen elsewhere."""

    dag_id = RUN.dag_id

    def __init__(self, load: Load, meanwhile: Any = lambda: None) -> None:
        self.load, self.meanwhile = load, meanwhile

    def xcom_pull(self, *, task_ids: str, key: str) -> int | None:
        return self.load.load_id if (task_ids, key) == ("run_etl", LOAD_ID) else None

    def get_task_states(self, **_: Any) -> dict[str, Any]:
        self.meanwhile()
        return {RUN.run_id: {"sense": "success"}}


@pytest.fixture
def load(warehouse: Connection, aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Load:
    """A load that is open, and whose execution the state machine does not know."""
    machine = aws.state_machine({"Nothing": {"Type": "Succeed"}})
    monkeypatch.setenv("TELEMETRY_STATE_MACHINE_ARN", machine)
    return open_load(
        warehouse,
        stream="telemetry",
        kind="hourly",
        interval=Interval.hour(HOUR_START),
        dag_id=RUN.dag_id,
        run_id=RUN.run_id,
        attempt=0,
    )


def record(load: Load, meanwhile: Any = lambda: None) -> None:
    context: Any = {"dag_run": RUN, "params": {}, "ti": TaskInstance(load, meanwhile)}
    RecordLoadOperator(task_id="record_load", stream="telemetry", kind="hourly").execute(context)


def test_a_load_whose_execution_never_started_is_closed_as_failed(warehouse: Connection, load: Load) -> None:
    with pytest.raises(AirflowFailException, match="was never started"):
        record(load)
    assert find_load(warehouse, load.load_id).status == "failed"


def test_a_load_that_closes_itself_meanwhile_stays_as_it_is(warehouse: Connection, database: Login, load: Load) -> None:
    another = database.connect()
    record(load, meanwhile=lambda: close_load(another, load.load_id, status="succeeded"))
    found = find_load(warehouse, load.load_id)
    assert (found.status, found.error) == ("succeeded", None)
    another.close()
