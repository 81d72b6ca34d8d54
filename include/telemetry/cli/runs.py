"""Loads through Airflow: run one interval, backfill days."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry.cli.arguments import AsJson, parse_day, parse_hour
from telemetry.cli.deployed import EVERYTHING, use_deployment
from telemetry.cli.ledger import print_loads
from telemetry.cli.output import notes, print_json, progress_bar
from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.airflow_rest.runs import AirflowApi, DagRun
    from telemetry.interval import Interval
    from telemetry.warehouse.ledger import Load, LoadKind

RUN_SECONDS = 7200.0
DAY_SECONDS = 7200.0
"""How long a command waits for a run, and for each day of a backfill: longer than close_day waits for the queue."""

ERROR_CHARACTERS = 500

Tell = Callable[[str], object]
"""Is told how far a run is."""

StreamArgument = Annotated[str, typer.Argument(metavar="STREAM", help="The stream, by its contract's name.")]


def _nobody(_: object) -> None:
    """Listens to no progress."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (run, backfill):
        app.command()(command)


def run(
    stream: StreamArgument,
    hour: Annotated[
        datetime | None, typer.Option("--hour", parser=parse_hour, metavar="HOUR", help="2026-03-01T07, UTC, or now.")
    ] = None,
    day: Annotated[
        date | None, typer.Option("--day", parser=parse_day, metavar="DAY", help="2026-03-01, in UTC.")
    ] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Drain the queue.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load an hour, a day, or what is in the queue. Hours and days are of arrival, in UTC; waits until it is done."""
    from telemetry.contracts.loader import find_stream

    if (hour is not None) + (day is not None) + queue != 1:
        raise typer.BadParameter("Choose one of --hour, --day and --queue.")
    name = find_stream(stream).stream
    with log_in() as airflow, notes.status("Waiting for Airflow") as line:
        if hour:
            loads = run_hour(airflow, name, hour, tell=line.update)
        elif day:
            loads = run_day(airflow, name, day, tell=line.update)
        else:
            loads = run_queue(airflow, name, tell=line.update)
    _show(loads, as_json)


def backfill(
    stream: StreamArgument,
    first: Annotated[date, typer.Option("--from", parser=parse_day, metavar="DAY", help="The first day.")],
    last: Annotated[date, typer.Option("--to", parser=parse_day, metavar="DAY", help="The last day, inclusive.")],
    as_json: AsJson = False,
) -> None:
    """Load what the ledger lacks of past days of arrival. Both days are inclusive; waits until it is done."""
    from telemetry.contracts.loader import find_stream

    if first > last:
        raise typer.BadParameter(f"The first day, {first}, is after the last, {last}.")
    name = find_stream(stream).stream
    with log_in() as airflow, progress_bar(f"Backfilling {name}", (last - first).days + 1) as bar:
        loads = backfill_days(airflow, name, first, last, on_progress=bar)
    _show(loads, as_json)


def log_in() -> AirflowApi:
    """Airflow of the deployment.

    Raises:
        TelemetryError: there is none, or it does not let us in.
    """
    from telemetry.airflow_rest.runs import AirflowApi

    use_deployment(EVERYTHING)
    url = os.environ.get("TELEMETRY_AIRFLOW_URL")
    if not url:
        raise TelemetryError("TELEMETRY_AIRFLOW_URL is not set.", "It names Airflow's web address.")
    user, password = (os.environ.get(f"TELEMETRY_AIRFLOW_{name}", "") for name in ("USER", "PASSWORD"))
    return AirflowApi.login(url, user, password)


def run_hour(airflow: AirflowApi, stream: str, hour: datetime, *, tell: Tell = _nobody) -> list[Load]:
    """Load an hour of arrival through Airflow, and return the load."""
    from telemetry.interval import Interval

    _run(airflow, f"{stream}_hourly", tell, partition=hour.strftime("%Y-%m-%dT%H"))
    return _newest_loads(stream, "hourly", Interval.hour(hour))


def run_day(airflow: AirflowApi, stream: str, day: date, *, tell: Tell = _nobody) -> list[Load]:
    """Load a day of arrival through Airflow, and return the load."""
    from telemetry.interval import Interval

    _run(airflow, f"{stream}_daily", tell, partition=day.isoformat())
    return _newest_loads(stream, "daily", Interval.day(day))


def run_queue(airflow: AirflowApi, stream: str, *, tell: Tell = _nobody) -> list[Load]:
    """Drain a stream's queue through Airflow, and return the loads that did it: a scheduled run may have been first."""
    began = datetime.now(UTC)
    _run(airflow, f"{stream}_queue", tell)
    return [load for load in _newest_loads(stream, "queue", None) if load.ended_at and load.ended_at >= began]


def _run(airflow: AirflowApi, dag_id: str, tell: Tell, **params: str) -> None:
    airflow.wait_for_dag(dag_id)
    run = airflow.trigger(dag_id, **params)
    with _goes_on(f"{dag_id}'s run", f"Stop it there: {airflow.url}/dags/{dag_id}/runs/{run.run_id}"):
        for run in airflow.watch(run, RUN_SECONDS):  # noqa: B020 - the same run, later
            tell(f"{dag_id}: {run.state}")
    _raise_failures(airflow, [run])


def backfill_days(
    airflow: AirflowApi, stream: str, first: date, last: date, *, on_progress: Callable[[int], object] = _nobody
) -> list[Load]:
    """Load days of arrival through Airflow's backfill, and return their loads; ``on_progress`` gets how many are done.

    Raises:
        TelemetryError: a day failed, or Airflow made no run for it.
    """
    from telemetry.interval import Interval

    dag_id = f"{stream}_daily"
    airflow.wait_for_dag(dag_id)
    backfill = airflow.create_backfill(dag_id, first, last, timeout=RUN_SECONDS, on_wait=_say_what_for)
    with _goes_on(f"{dag_id}'s backfill", f"Cancel it there: {airflow.url}/dags/{dag_id}/backfills"):
        for progress in airflow.watch_backfill(backfill, DAY_SECONDS * len(backfill.days)):
            on_progress(sum(run.ended for run in progress.runs))
    _raise_failures(airflow, progress.runs)
    if left_out := [str(day) for day in backfill.days if day not in progress.days]:
        raise TelemetryError(
            f"Airflow ran {len(progress.days)} of {len(backfill.days)} days of {dag_id}, not {', '.join(left_out)}.",
            "It leaves out a day whose run is under way: backfill it again when that run has ended, "
            f"{airflow.url}/dags/{dag_id}/runs",
        )
    return _newest_loads(stream, "daily", Interval(Interval.day(first).start, Interval.day(last).end))


def _say_what_for(run: DagRun) -> None:
    notes.print(f"Waiting for {run.run_id}, which is under way.", markup=False, soft_wrap=True)


@contextmanager
def _goes_on(what: str, hint: str) -> Iterator[None]:
    """Tell a person who stops waiting that Airflow does not stop."""
    try:
        yield
    except KeyboardInterrupt:
        notes.print(f"\n{what} goes on in Airflow. {hint}", markup=False, soft_wrap=True)
        raise


def _raise_failures(airflow: AirflowApi, runs: Sequence[DagRun]) -> None:
    failed = [run for run in runs if run.state == "failed"]
    if failed:
        # The first task that failed has the cause; those after it say that it failed.
        tasks = [(run, airflow.failed_tasks(run)[:1]) for run in failed]
        errors = [
            f"{run.run_id}: {task.task_id}: {error[:ERROR_CHARACTERS]}"
            for run, first in tasks
            for task in first
            for error in task.errors[-3:]
        ]
        raise TelemetryError(
            "\n".join([f"{len(failed)} of {len(runs)} runs of {failed[0].dag_id} failed.", *errors]),
            f"See {airflow.url}/dags/{failed[0].dag_id}/runs/{failed[0].run_id}",
        )


def _newest_loads(stream: str, kind: LoadKind, span: Interval | None) -> list[Load]:
    """The newest load of every interval, the newest interval first. A run may have joined the load of another."""
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.ledger import list_loads

    start, end = (span.start, span.end) if span else (None, None)
    with connect(use_deployment().database_secret) as connection:
        loads = list_loads(connection, stream=stream, kind=kind, start=start, end=end, limit=10_000)
    newest: dict[datetime, Load] = {}
    for load in loads:
        newest.setdefault(load.interval_start, load)
    return list(newest.values())


def _show(loads: list[Load], as_json: bool) -> None:
    if as_json:
        print_json([asdict(load) for load in loads])
    else:
        print_loads(loads)
