"""Runs and backfills in Airflow's REST API (v2), as far as the command line needs them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, Field

from telemetry.airflow_rest.client import AirflowClient
from telemetry.airflow_rest.schedule import refuse_early
from telemetry.contracts.loader import find_stream
from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.waiting import wait_until

ENDED: Final = frozenset({"success", "failed"})
POLL: Final = 1.0  # seconds between two looks at a run


class DagRun(BaseModel):
    """One run of a DAG; ``state`` is queued, running, success or failed."""

    dag_id: str
    run_id: str = Field(alias="dag_run_id")
    state: str
    logical_date: datetime | None

    @property
    def day(self) -> date | None:
        """The day that a scheduled or backfilled daily run loads; a run by hand may be dated as it likes."""
        return self.logical_date.astimezone(UTC).date() if self.logical_date else None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class Backfill:
    """A backfill of whole days, both inclusive."""

    backfill_id: int
    dag_id: str
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


@dataclass(frozen=True)
class Progress:
    """The progress of a backfill: the states of its runs."""

    runs: list[DagRun]

    @property
    def days(self) -> set[date | None]:
        """The days that have a run."""
        return {run.day for run in self.runs}

    @property
    def ended(self) -> bool:
        return all(run.ended for run in self.runs)


@dataclass(frozen=True)
class FailedTask:
    """A task that failed, and the errors at the end of its log."""

    task_id: str
    try_number: int
    errors: list[str]


class AirflowApi(AirflowClient):
    """Runs and backfills of DAGs, and why they failed."""

    # Runs

    def wait_for_dag(self, dag_id: str, timeout: float = 120) -> None:
        """Wait until the DAG can run. A new stream's DAG is there once the DAG processor has looked at its file again.

        Raises:
            TelemetryError: its file cannot be imported (with the error), it is paused, or it does not appear.
        """

        def dag() -> dict[str, Any] | None:
            found = self._find(f"api/v2/dags/{dag_id}")
            self._raise_import_errors(dag_id)
            return None if found is None or found["is_stale"] else found

        if not dag():
            self._ask_to_parse(dag_id)
        ready = wait_until(
            dag,
            what=f"the DAG {dag_id} to appear",
            timeout=timeout,
            interval=POLL,
            hint="See `telemetry logs airflow-dag-processor`.",
        )
        if ready["is_paused"]:
            raise TelemetryError(f"The DAG {dag_id} is paused.", f"Unpause it at {self.url}/dags/{dag_id}")

    def trigger(self, dag_id: str, **params: Any) -> DagRun:
        """Start a run by hand with those params."""
        body = {"logical_date": None, "conf": params}
        return DagRun.model_validate(self._ask("POST", f"api/v2/dags/{dag_id}/dagRuns", json=body))

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """The run as it is now."""
        return DagRun.model_validate(self._ask("GET", f"api/v2/dags/{dag_id}/dagRuns/{run_id}"))

    def clear(self, dag_id: str, run_id: str) -> DagRun:
        """Have every task of a run done again: another generation of its load."""
        path = f"api/v2/dags/{dag_id}/dagRuns/{run_id}/clear"
        return DagRun.model_validate(self._ask("POST", path, json={"dry_run": False}))

    def watch(self, run: DagRun, timeout: float) -> Iterator[DagRun]:
        """The run again and again until it has ended.

        Raises:
            TelemetryError: it has not within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            run = self.run(run.dag_id, run.run_id)
            yield run
            if run.ended:
                return
            self._pause(deadline, f"the run {run.run_id} of {run.dag_id}")

    def failed_tasks(self, run: DagRun, lines: int = 20) -> list[FailedTask]:
        """The tasks of the run that failed, each with the last ``lines`` errors of its log."""
        path = f"api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        return [
            FailedTask(task["task_id"], task["try_number"], self._errors(path, task)[-lines:])
            for task in self._ask("GET", path, params={"state": "failed"})["task_instances"]
        ]

    # Backfills

    def create_backfill(
        self,
        dag_id: str,
        first: date,
        last: date,
        *,
        timeout: float = 600,
        on_wait: Callable[[DagRun], object] = lambda run: None,
    ) -> Backfill:
        """Run the DAG for every day from ``first`` to ``last``, both inclusive; days run before are run again.

        A run of those days that is under way is waited for, up to ``timeout`` seconds, and ``on_wait`` is told of it:
        Airflow would leave out its day, of which that run may have seen only a part.

        Raises:
            TelemetryError: a day's run is not due yet, another backfill of the DAG is under way, or a wait timed out.
        """
        if first > last:
            raise TelemetryError(f"The first day, {first}, is after the last day, {last}.")
        refuse_early(find_stream(dag_id.removesuffix("_daily")), last, datetime.now(UTC))
        self._settle_earlier_backfills(dag_id)
        under_way = {"run_type": ["scheduled", "backfill"], "state": ["queued", "running"]}
        for run in self._daily_runs(dag_id, first, last, **under_way):
            on_wait(run)
            deque(self.watch(run, timeout), maxlen=0)
        body = {
            "dag_id": dag_id,
            "from_date": Interval.day(first).start.isoformat(),
            # The daily run is dated some time into its day: the last day's midnight would leave it out.
            "to_date": (Interval.day(last).end - timedelta(seconds=1)).isoformat(),
            "reprocess_behavior": "completed",  # else days that were run before would be left out
            "max_active_runs": 3,
            "dag_run_conf": {},
        }
        created = self._ask("POST", "api/v2/backfills", json=body)
        return Backfill(int(created["id"]), dag_id, first, last)

    def progress(self, backfill: Backfill) -> Progress:
        """The backfill's runs: those of its days that a backfill made or took over, by their dates."""
        return Progress(self._daily_runs(backfill.dag_id, backfill.first, backfill.last, run_type=["backfill"]))

    def watch_backfill(self, backfill: Backfill, timeout: float) -> Iterator[Progress]:
        """The backfill's progress again and again until every run has ended.

        Raises:
            TelemetryError: they have not within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            progress = self.progress(backfill)
            yield progress
            if progress.ended:
                return
            self._pause(deadline, f"the backfill {backfill.backfill_id} of {backfill.dag_id}")

    # Parts

    def _daily_runs(self, dag_id: str, first: date, last: date, **chosen: list[str]) -> list[DagRun]:
        """Runs by the days of their dates. ``run_type`` keeps runs by hand away, which may bear any date at all."""
        params: dict[str, Any] = {
            "logical_date_gte": Interval.day(first).start.isoformat(),
            "logical_date_lt": Interval.day(last).end.isoformat(),
            "order_by": "logical_date",
            "limit": 100,
            **chosen,
        }
        runs: list[DagRun] = []
        while True:
            page = self._ask("GET", f"api/v2/dags/{dag_id}/dagRuns", params={**params, "offset": len(runs)})
            runs += [DagRun.model_validate(run) for run in page["dag_runs"]]
            if len(runs) >= page["total_entries"] or not page["dag_runs"]:
                return runs

    def _settle_earlier_backfills(self, dag_id: str) -> None:
        """Airflow takes one backfill a DAG at a time; it calls one completed up to 30 s after its last run ended."""
        earlier = self._open_backfills(dag_id)
        for backfill in earlier:
            if not self.progress(backfill).ended:
                raise TelemetryError(
                    f"A backfill of {dag_id} from {backfill.first} to {backfill.last} is still running.",
                    f"Wait until it ends, or cancel it at {self.url}/dags/{dag_id}/backfills",
                )
        if earlier:
            wait_until(
                lambda: not self._open_backfills(dag_id),
                what=f"Airflow to close the last backfill of {dag_id}",
                timeout=120,
                interval=POLL,
                hint="See `telemetry logs airflow-scheduler`.",
            )

    def _open_backfills(self, dag_id: str) -> list[Backfill]:
        found = self._ask("GET", "api/v2/backfills", params={"dag_id": dag_id, "order_by": "-id", "limit": 10})
        return [
            Backfill(int(one["id"]), dag_id, _day(one["from_date"]), _day(one["to_date"]))
            for one in found["backfills"]
            if not one["completed_at"]
        ]

    def _raise_import_errors(self, dag_id: str) -> None:
        """DAGs of one kind share a file, ``telemetry_<kind>.py``."""
        kind = dag_id.rsplit("_", 1)[-1]
        errors = self._ask("GET", "api/v2/importErrors", params={"limit": 100})["import_errors"]
        for error in errors:
            if error["filename"].endswith(f"telemetry_{kind}.py"):
                last_line = error["stack_trace"].strip().splitlines()[-1]
                raise TelemetryError(f"Airflow cannot import {error['filename']}: {last_line}")

    def _ask_to_parse(self, dag_id: str) -> None:
        """Have the file parsed now, by way of any DAG that is known to be in it."""
        kind = dag_id.rsplit("_", 1)[-1]
        dags = self._ask("GET", "api/v2/dags", params={"tags": kind, "limit": 100})["dags"]
        for dag in [dag for dag in dags if dag["dag_id"].endswith(f"_{kind}")][:1]:
            self._ask("PUT", f"api/v2/parseDagFile/{dag['file_token']}")

    def _errors(self, path: str, task: dict[str, Any]) -> list[str]:
        log = self._find(f"{path}/{task['task_id']}/logs/{task['try_number']}", headers={"Accept": "application/json"})
        entries = log["content"] if log else []
        return [_error(entry) for entry in entries if isinstance(entry, dict) and entry.get("level") == "error"]

    def _pause(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise TelemetryError(f"Timed out waiting for {what}; it is still running.", f"Follow it at {self.url}")
        time.sleep(POLL)


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).astimezone(UTC).date()


def _error(entry: dict[str, Any]) -> str:
    """Return a log entry's error: its exception, if there is one, without that exception's causes."""
    for detail in entry.get("error_detail") or []:
        kind = "" if detail["exc_type"] == "AirflowFailException" else f"{detail['exc_type']}: "
        return f"{kind}{detail['exc_value']}"
    return str(entry["event"])
