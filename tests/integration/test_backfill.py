"""A backfill waits for its own runs, however many others the days have. Airflow's side is played by a small server."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from telemetry.airflow_rest.loads import LoadRunner
from telemetry.airflow_rest.runs import AirflowApi
from telemetry.cli import main
from telemetry.errors import TelemetryError

DAG_ID = "telemetry_daily"
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 3)
DAYS = [FIRST + timedelta(days=n) for n in range(3)]


def half_past_midnight(day: date) -> datetime:
    return datetime.combine(day, time(0, 30), UTC)


class Server(ThreadingHTTPServer):
    """What a backfill asks Airflow 3.3.1 for, and its answers (airflow/models/backfill.py).

    A run that has ended is cleared and becomes the backfill's; a run under way is left alone, and so is its day. A run
    goes one state further each time it is looked at.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.runs: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.left_out: set[date] = set()

    def add(self, run_type: str, moment: datetime, state: str = "success") -> dict[str, Any]:
        run = {
            "dag_id": DAG_ID,
            "dag_run_id": f"{run_type}__{moment.isoformat()}",
            "run_type": run_type,
            "state": state,
            "logical_date": moment.isoformat(),
            "start_date": None,
            "end_date": None,
        }
        self.runs.append(run)
        return run

    def backfill(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        moment = half_past_midnight(datetime.fromisoformat(body["from_date"]).date())
        while moment <= datetime.fromisoformat(body["to_date"]):
            found = [run for run in self.runs if run["logical_date"] == moment.isoformat()]
            if not found and moment.date() not in self.left_out:
                self.add("backfill", moment, "queued")
            for run in found:
                if run["state"] in ("success", "failed"):
                    run.update(run_type="backfill", state="queued")
            moment += timedelta(days=1)
        return {"id": 1}

    def chosen(self, query: dict[str, list[str]]) -> dict[str, Any]:
        def fits(run: dict[str, Any]) -> bool:
            moment = datetime.fromisoformat(run["logical_date"])
            return (
                datetime.fromisoformat(query["logical_date_gte"][0]) <= moment
                and moment < datetime.fromisoformat(query["logical_date_lt"][0])
                and run["run_type"] in query.get("run_type", [run["run_type"]])
                and run["state"] in query.get("state", [run["state"]])
            )

        runs = [run for run in self.runs if fits(run)]
        offset = int(query["offset"][0])
        page = [dict(run) for run in runs[offset : offset + int(query["limit"][0])]]
        for run in runs:
            self.go_on(run)
        return {"dag_runs": page, "total_entries": len(runs)}

    def go_on(self, run: dict[str, Any]) -> dict[str, Any]:
        run["state"] = {"queued": "running", "running": "success"}.get(run["state"], run["state"])
        return run


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        place = address.path.removeprefix("/api/v2/")
        runs = f"dags/{DAG_ID}/dagRuns"
        if place.startswith(f"{runs}/"):
            run_id = place.removeprefix(f"{runs}/")
            self._answer(next(self.server.go_on(run) for run in self.server.runs if run["dag_run_id"] == run_id))
            return
        answers: dict[str, Any] = {
            f"dags/{DAG_ID}": {"is_stale": False, "is_paused": False},
            "importErrors": {"import_errors": []},
            "backfills": {"backfills": []},
        }
        self._answer(self.server.chosen(parse_qs(address.query)) if place == runs else answers[place])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(self.server.backfill(body))

    def _answer(self, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def airflow() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api(airflow: Server) -> Iterator[AirflowApi]:
    with AirflowApi(airflow.url, "token") as api:
        yield api


@pytest.fixture
def deployed(airflow: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("TELEMETRY_AIRFLOW_URL", airflow.url)
    monkeypatch.setenv("TELEMETRY_AIRFLOW_TOKEN", "token")
    return airflow


def secret() -> str:
    """The warehouse's secret, where the test has a warehouse."""
    return os.environ.get("TELEMETRY_DATABASE_SECRET", "")


def filled(api: AirflowApi) -> list[str]:
    """The runs that a backfill of all three days says are its own."""
    progress = list(api.watch_backfill(api.create_backfill(DAG_ID, FIRST, LAST), 60))[-1]
    return [run.run_id for run in progress.runs]


def test_a_backfill_counts_only_its_own_runs(airflow: Server, api: AirflowApi) -> None:
    airflow.add("manual", datetime(2026, 3, 2, 14, 7, tzinfo=UTC))
    airflow.add("manual", datetime(2026, 3, 2, 15, 7, tzinfo=UTC), "failed")
    assert filled(api) == [f"backfill__{half_past_midnight(day).isoformat()}" for day in DAYS]


def test_a_scheduled_run_that_is_rerun_belongs_to_the_backfill(airflow: Server, api: AirflowApi) -> None:
    scheduled = airflow.add("scheduled", half_past_midnight(LAST), "failed")
    assert scheduled["dag_run_id"] in filled(api)


@pytest.mark.usefixtures("warehouse", "aws")
def test_a_run_by_hand_on_one_of_the_days_does_not_make_the_command_fail(
    deployed: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.add("manual", datetime(2026, 3, 1, 14, 7, tzinfo=UTC))
    with pytest.raises(SystemExit) as ending:
        main(["backfill", "telemetry", "--from", FIRST.isoformat(), "--to", FIRST.isoformat(), "--json"])
    told = capsys.readouterr()
    assert (ending.value.code, json.loads(told.out)) == (0, []), told.err


@pytest.mark.usefixtures("warehouse", "aws")
def test_a_run_that_is_under_way_is_waited_for(airflow: Server, api: AirflowApi) -> None:
    """Airflow would leave its day out, and what it overlooked would stay where it is."""
    airflow.add("scheduled", half_past_midnight(LAST), "running")
    assert LoadRunner(api, secret()).backfill("telemetry", FIRST, LAST) == []
    assert {run["run_type"] for run in airflow.runs} == {"backfill"}


def test_a_day_that_airflow_leaves_out_is_named(airflow: Server, api: AirflowApi) -> None:
    airflow.left_out = {DAYS[1]}
    airflow.add("manual", datetime(2026, 3, 2, 14, 7, tzinfo=UTC))
    with pytest.raises(
        TelemetryError, match=r"ran 2 of 3 days of telemetry_daily\. It skipped 2026-03-02\. .*under way"
    ):
        LoadRunner(api, secret()).backfill("telemetry", FIRST, LAST)


def test_a_day_that_is_not_over_is_not_asked_for(airflow: Server, api: AirflowApi) -> None:
    with pytest.raises(TelemetryError, match="is not over"):
        api.create_backfill(DAG_ID, FIRST, datetime.now(UTC).date())
    with pytest.raises(TelemetryError, match="is not over"):
        api.create_backfill(DAG_ID, FIRST, date.max)
    assert airflow.asked == []


def test_an_interrupted_wait_says_that_airflow_continues(airflow: Server, api: AirflowApi) -> None:
    told: list[str] = []

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LoadRunner(api, secret(), told.append).backfill("telemetry", FIRST, LAST, on_progress=stop)
    assert f"continues in Airflow. You can cancel it at {airflow.url}/dags/telemetry_daily/backfills" in told[-1]
