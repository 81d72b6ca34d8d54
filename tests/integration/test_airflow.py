"""The local Airflow: four real processes on PostgreSQL, private, gone after stop. Started once for all tests."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from listening import listening
from telemetry.errors import TelemetryError
from telemetry.local.host.processes import PROCESSES, Daemon, is_alive
from telemetry.local.host.state import State
from telemetry.local.services.airflow import COMPONENTS, Airflow, token
from telemetry.local.services.postgres import Postgres
from telemetry.waiting import wait_until

DAG = """
import os
from airflow.sdk import dag, task

@dag(dag_id="probe", schedule=None)
def probe():
    @task
    def answer():
        print("the environment says", os.environ["TELEMETRY_PROBE"])
    answer()

probe()
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> State:
    return State(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def airflow(state: State, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    dags = tmp_path_factory.mktemp("dags")
    (dags / "probe.py").write_text(DAG)
    postgres = Postgres(state)
    airflow = Airflow(state, postgres.login("airflow"), {"TELEMETRY_PROBE": "forty-two"}, dags)
    try:
        postgres.start()
        airflow.start()
        yield airflow
    finally:
        airflow.stop()
        postgres.stop()
        postgres.remove()


@pytest.fixture
def api(airflow: Airflow) -> Iterator[httpx.Client]:
    login = token(airflow.url, airflow.user, airflow.password)
    with httpx.Client(
        base_url=f"{airflow.url}/api/v2", headers={"Authorization": f"Bearer {login}"}, trust_env=False, timeout=60
    ) as client:
        yield client


def family(state: State) -> set[psutil.Process]:
    return {process for name in COMPONENTS for process in Daemon(state, name).family()}


def test_all_four_are_healthy(airflow: Airflow) -> None:
    assert airflow.health() == dict.fromkeys(COMPONENTS)


def test_only_the_user_with_the_generated_password_can_log_in(airflow: Airflow, api: httpx.Client) -> None:
    assert api.get("/dags").status_code == httpx.codes.OK
    assert httpx.get(f"{airflow.url}/api/v2/dags", trust_env=False).status_code == httpx.codes.UNAUTHORIZED
    with pytest.raises(TelemetryError, match="gave no token to admin"):
        token(airflow.url, "admin", "admin")


def test_a_task_runs_with_the_given_environment_and_its_log_can_be_read(
    airflow: Airflow, state: State, api: httpx.Client
) -> None:
    wait_until(lambda: api.get("/dags/probe").status_code == httpx.codes.OK, what="the DAG to be parsed", timeout=60)
    run = api.post("/dags/probe/dagRuns", json={"logical_date": None}).raise_for_status().json()["dag_run_id"]

    def ended() -> Any:
        found = api.get(f"/dags/probe/dagRuns/{run}").raise_for_status().json()
        return found["state"] in ("success", "failed") and found["state"]

    assert wait_until(ended, what="the run to end", timeout=120) == "success"
    log = api.get(f"/dags/probe/dagRuns/{run}/taskInstances/answer/logs/1", headers={"Accept": "application/json"})
    assert "the environment says forty-two" in log.text
    for file in (state.folder / "airflow" / "logs").rglob("*.log"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_nothing_listens_beyond_loopback(airflow: Airflow, state: State) -> None:
    assert set(listening(family(state))) == {("127.0.0.1", state.port("airflow-api-server"))}


def test_no_secret_is_printed(airflow: Airflow, state: State) -> None:
    secrets = {path.name: path.read_text() for path in (state.folder / "secrets").iterdir() if path.suffix != ".json"}
    assert {"airflow-admin", "airflow-jwt-secret", "airflow-fernet", "postgres-airflow"} <= secrets.keys()
    told = [" ".join(process.cmdline()) for process in family(state)]
    told += [path.read_text() for path in (state.folder / "logs").iterdir()]
    assert not [name for name, secret in secrets.items() if any(secret in text for text in told)]
    for path in (state.folder / "airflow" / "airflow.cfg", *(state.folder / "secrets").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_second_start_changes_and_migrates_nothing(airflow: Airflow, state: State) -> None:
    before, password = state.read(PROCESSES), airflow.password
    airflow.start()
    assert state.read(PROCESSES) == before
    assert airflow.password == password


def test_a_killed_process_is_reported_and_restarted_alone(airflow: Airflow, state: State) -> None:
    before = state.read(PROCESSES)
    psutil.Process(before["airflow-triggerer"]["pid"]).kill()
    wait_until(lambda: airflow.health()["airflow-triggerer"] == "not running", what="the kill", timeout=60)
    airflow.start()
    after = state.read(PROCESSES)
    assert airflow.health() == dict.fromkeys(COMPONENTS)
    assert {name for name in COMPONENTS if before[name] != after[name]} == {"airflow-triggerer"}


def test_nothing_runs_after_stop(airflow: Airflow, state: State) -> None:
    processes = family(state)
    assert len(processes) > len(COMPONENTS)
    airflow.stop()
    assert not [process for process in processes if is_alive(process)]
    assert airflow.health() == dict.fromkeys(COMPONENTS, "not running")
