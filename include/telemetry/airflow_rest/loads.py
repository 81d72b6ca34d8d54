"""Loads through Airflow: start runs, wait for them, and return their loads from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime

from telemetry.airflow_rest.runs import AirflowApi, DagRun
from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.warehouse.connection import connect
from telemetry.warehouse.ledger import Load, LoadKind, list_loads

RUN_SECONDS = 7200.0
DAY_SECONDS = 7200.0
"""How long to wait for a run, and for each day of a backfill: longer than close_day waits for the queue."""

ERROR_CHARACTERS = 500

Listener = Callable[[str], object]


def ignore(_: object) -> None:
    """A listener that does nothing."""


class LoadRunner:
    """Runs loads of one deployment through Airflow.

    ``notify`` is told what a person has to know while a method waits: that another run has to end first, and, after
    Ctrl-C, that Airflow continues. Every method raises ``TelemetryError`` if a run fails or takes too long.
    """

    def __init__(self, airflow: AirflowApi, database_secret: str, notify: Listener = ignore) -> None:
        self._airflow, self._database_secret, self._notify = airflow, database_secret, notify

    def run_hour(self, stream: str, hour: datetime, on_state: Listener = ignore) -> list[Load]:
        """Load one hour of arrival and return its load; ``on_state`` is told the state of the run."""
        self._run(f"{stream}_hourly", on_state, partition=hour.strftime("%Y-%m-%dT%H"))
        return self._newest_loads(stream, "hourly", Interval.hour(hour))

    def run_day(self, stream: str, day: date, on_state: Listener = ignore) -> list[Load]:
        """Load one day of arrival and return its load; ``on_state`` is told the state of the run."""
        self._run(f"{stream}_daily", on_state, partition=day.isoformat())
        return self._newest_loads(stream, "daily", Interval.day(day))

    def run_queue(self, stream: str, on_state: Listener = ignore) -> list[Load]:
        """Drain a stream's queue and return the loads that did so: a scheduled run may have been first."""
        began = datetime.now(UTC)
        self._run(f"{stream}_queue", on_state)
        return [load for load in self._newest_loads(stream, "queue", None) if load.ended_at and load.ended_at >= began]

    def backfill(
        self, stream: str, first: date, last: date, on_progress: Callable[[int], object] = ignore
    ) -> list[Load]:
        """Load days of arrival through an Airflow backfill and return their loads, the newest day first.

        Both days are inclusive. ``on_progress`` is told how many days have been loaded.

        Raises:
            TelemetryError: a day failed, or Airflow skipped it.
        """
        airflow, dag_id = self._airflow, f"{stream}_daily"
        airflow.wait_for_dag(dag_id)
        backfill = airflow.create_backfill(dag_id, first, last, timeout=RUN_SECONDS, on_wait=self._notify_of_wait)
        with self._interruptible(f"The backfill of {dag_id}", f"cancel it at {airflow.url}/dags/{dag_id}/backfills"):
            for progress in airflow.watch_backfill(backfill, DAY_SECONDS * len(backfill.days)):
                on_progress(sum(run.ended for run in progress.runs))
        self._raise_failures(progress.runs)
        if skipped := [str(day) for day in backfill.days if day not in progress.days]:
            raise TelemetryError(
                f"Airflow ran {len(progress.days)} of {len(backfill.days)} days of {dag_id}. "
                f"It skipped {', '.join(skipped)}.",
                "Airflow skips a day that has a run under way. Wait until that run has ended, then backfill the day "
                f"again: {airflow.url}/dags/{dag_id}/runs",
            )
        return self._newest_loads(stream, "daily", Interval(Interval.day(first).start, Interval.day(last).end))

    def _run(self, dag_id: str, on_state: Listener, **params: str) -> None:
        airflow = self._airflow
        airflow.wait_for_dag(dag_id)
        run = airflow.trigger(dag_id, **params)
        with self._interruptible(f"The run of {dag_id}", f"stop it at {airflow.url}/dags/{dag_id}/runs/{run.run_id}"):
            for run in airflow.watch(run, RUN_SECONDS):  # noqa: B020 - the same run, later
                on_state(f"{dag_id}: {run.state}")
        self._raise_failures([run])

    def _notify_of_wait(self, run: DagRun) -> None:
        self._notify(f"Waiting for the run {run.run_id} to end.")

    @contextmanager
    def _interruptible(self, what: str, how_to_stop: str) -> Iterator[None]:
        """After Ctrl-C, say that Airflow does not stop."""
        try:
            yield
        except KeyboardInterrupt:
            self._notify(f"\n{what} continues in Airflow. You can {how_to_stop}")
            raise

    def _raise_failures(self, runs: Sequence[DagRun]) -> None:
        failed = [run for run in runs if run.state == "failed"]
        if failed:
            # The first task that failed has the cause; those after it only say that it failed.
            tasks = [(run, self._airflow.failed_tasks(run)[:1]) for run in failed]
            errors = [
                f"{run.run_id}: {task.task_id}: {error[:ERROR_CHARACTERS]}"
                for run, first in tasks
                for task in first
                for error in task.errors[-3:]
            ]
            raise TelemetryError(
                "\n".join([f"{len(failed)} of {len(runs)} runs of {failed[0].dag_id} failed.", *errors]),
                f"See {self._airflow.url}/dags/{failed[0].dag_id}/runs/{failed[0].run_id}",
            )

    def _newest_loads(self, stream: str, kind: LoadKind, span: Interval | None) -> list[Load]:
        """The newest load of each interval, newest interval first. A run may have joined the load of another."""
        start, end = (span.start, span.end) if span else (None, None)
        with connect(self._database_secret) as connection:
            loads = list_loads(connection, stream=stream, kind=kind, start=start, end=end, limit=10_000)
        newest: dict[datetime, Load] = {}
        for load in loads:
            newest.setdefault(load.interval_start, load)
        return list(newest.values())
