"""The local stack as a whole: up, up again, killed parts, two commands at once, down."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import httpx
import psutil
import psycopg2
import pytest

from listening import listening
from telemetry.errors import TelemetryError
from telemetry.local import stack
from telemetry.local.host.processes import PROCESSES, is_alive
from telemetry.local.host.state import State
from telemetry.waiting import wait_until

SERVICES = {
    "postgres",
    "emulator",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELEMETRY_STATE", str(tmp_path_factory.mktemp("state")))
        try:
            yield stack.up()
        finally:
            processes = running()
            stack.down()
            left, verdicts = [process for process in processes if is_alive(process)], stack.status()
            stack.reset()
            assert not left, "after down nothing of ours runs"
            assert verdicts == dict.fromkeys(SERVICES, "not running")
            assert {path.name for path in State.open().folder.iterdir()} <= {stack.LOCK, ".lock"}


def running() -> list[psutil.Process]:
    """The daemons and all their children."""
    daemons = [psutil.Process(record["pid"]) for record in State.open().read(PROCESSES).values()]
    return [process for daemon in daemons for process in (daemon, *daemon.children(recursive=True))]


def healthy() -> dict[str, None]:
    return dict.fromkeys(SERVICES)


def test_before_the_first_up_there_is_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMETRY_STATE", str(tmp_path))
    with pytest.raises(TelemetryError, match="telemetry up"):
        stack.environment()


def test_the_environment_leads_to_every_service(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert environment == stack.environment()
    assert stack.status() == healthy()
    assert len(boto3.client("s3").list_buckets()["Buckets"]) == 3
    session = psycopg2.connect("")  # libpq reads PGHOST and the others
    with session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM loads")
    session.close()
    assert httpx.get(f"{environment['TELEMETRY_AIRFLOW_URL']}/api/v2/monitor/health").status_code == httpx.codes.OK


def test_nothing_listens_beyond_loopback(environment: dict[str, str]) -> None:
    addresses = [address for address, _ in listening(running())]
    assert len(addresses) >= 4
    assert set(addresses) <= {"127.0.0.1", "::1"}


def test_a_second_up_changes_nothing(environment: dict[str, str]) -> None:
    before, told = State.open().read(PROCESSES), list[str]()
    assert stack.up(told.append) == environment
    assert State.open().read(PROCESSES) == before
    assert "AWS emulator: as it was" in told


def test_killed_parts_come_back(environment: dict[str, str]) -> None:
    killed = ["emulator", "postgres", "airflow-scheduler"]
    for name in killed:
        os.kill(State.open().read(PROCESSES)[name]["pid"], signal.SIGKILL)
    down = stack.status()
    assert all(down[name] for name in killed)
    assert stack.up() == environment
    # A busy machine may keep the api-server from answering for seconds at a time.
    wait_until(lambda: stack.status() == healthy(), what="every part to be healthy", timeout=60)


def test_two_ups_at_once_do_not_fight(environment: dict[str, str]) -> None:
    told: list[str] = []
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(stack.up, [told.append, told.append])) == [environment, environment]
    assert told.count("another command is at work on the stack: waiting for it") == 1
