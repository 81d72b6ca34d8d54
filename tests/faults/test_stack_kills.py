"""SIGKILL of every part of the real stack, Airflow and all, at work; then ``telemetry up``, and everything is there.

A case is held at its place by a lock on a table, so that the kill meets it there and nowhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, datetime
from functools import partial

import pytest

from faults.cases import Case, fault
from faults.on_stack import LONG, LONG_AGO, STREAM, Devices, OnStack, end
from stack import Stack
from telemetry.airflow_rest.runs import DagRun
from telemetry.errors import TelemetryError
from telemetry.interval import HOUR, Interval
from telemetry.waiting import wait_until

READINGS = 50
long_fault = partial(fault, long=True)
ONCE = "its readings are in the table once, none is lost, and every load has ended"


@pytest.fixture(scope="module")
def living(stack: Stack) -> OnStack:
    """The stack, for all cases of this file."""
    return OnStack(stack)


@pytest.fixture(autouse=True)
def _environment(living: OnStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in living.stack.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def hour(living: OnStack) -> datetime:
    """An hour of arrival with an object to load, which the case has for itself."""
    own = next(living.hours)
    living.put(own, READINGS)
    return own


# Lambda workers: each dies where a lock holds it, and Step Functions tries again


@pytest.mark.parametrize(
    ("table", "function", "statement"),
    [
        pytest.param(
            "load_objects",
            "DataExtraction",
            "SELECT",
            id="extract",
            marks=long_fault(
                "stack-kill-extract", done="SIGKILL of ExtractData's worker as it asks the ledger", promised=ONCE
            ),
        ),
        pytest.param(
            "telemetry_readings",
            "DataLoading",
            "",
            id="load",
            marks=long_fault("stack-kill-load", done="SIGKILL of LoadData's worker after its claim", promised=ONCE),
        ),
        pytest.param(
            "quarantine",
            "DataLoading",
            "COPY quarantine",
            id="load-copy",
            marks=long_fault("stack-kill-load-copy", done="SIGKILL of LoadData's worker in COPY", promised=ONCE),
        ),
    ],
)
def test_a_worker_dies_where_it_waits(
    living: OnStack, hour: datetime, case: Case, table: str, function: str, statement: str
) -> None:
    with living.held(table):
        run = living.start(hour)
        end(living.waiting(function, statement))
    seen = living.settle(hour, run)
    assert living.loads(hour) == [("succeeded", READINGS)]
    living.saw(case, hour, READINGS, seen)


@long_fault("stack-kill-transform", done="SIGKILL of TransformData's worker at work", promised=ONCE)
def test_a_transforming_worker_dies(living: OnStack, case: Case) -> None:
    own, readings = next(living.hours), 20_000
    living.put(own, readings)
    run = living.start(own)
    end(living.writing_worker("DataTransformation", "readings.parquet"))
    seen = living.settle(own, run)
    assert living.loads(own) == [("succeeded", readings)]
    living.saw(case, own, readings, seen)


HOLD = """
CREATE FUNCTION hold_the_end() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
CREATE TRIGGER hold_the_end BEFORE UPDATE ON loads FOR EACH ROW
WHEN (OLD.status = 'running' AND NEW.status <> 'running') EXECUTE FUNCTION hold_the_end();
"""


@long_fault("stack-kill-record", done="SIGKILL of LoadRecording's worker as it closes the load", promised=ONCE)
def test_a_recording_worker_dies(living: OnStack, hour: datetime, case: Case) -> None:
    with living.stack.warehouse() as session, session.cursor() as cursor:
        cursor.execute(HOLD)
    holder = living.stack.warehouse()
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(4711)")
        run = living.start(hour)
        end(living.waiting("LoadRecording"))
    finally:
        holder.close()
        with living.stack.warehouse() as session, session.cursor() as cursor:
            cursor.execute("DROP FUNCTION hold_the_end CASCADE")
    seen = living.settle(hour, run)
    assert living.loads(hour) == [("succeeded", READINGS)]
    living.saw(case, hour, READINGS, seen)


# Airflow


@long_fault("stack-kill-task", done="SIGKILL of run_etl's process as it opens its load", promised=ONCE)
def test_a_running_task_dies(living: OnStack, hour: datetime, case: Case) -> None:
    with living.held("loads"):
        run = living.start(hour)
        end(living.waiting("telemetry", f"{hour:%Y-%m-%dT%H}"))  # other DAGs' tasks wait, too
    seen = living.settle(hour, run)
    assert living.loads(hour) == [("succeeded", READINGS)]
    living.saw(case, hour, READINGS, seen)


@pytest.fixture(scope="module")
def without_airflow(living: OnStack) -> Iterator[dict[str, tuple[datetime, DagRun]]]:
    """Two runs that wait deferred for loads that are held, when the scheduler and the triggerer are killed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in living.stack.environment.items():
            patch.setenv(name, value)
        own = {service: next(living.hours) for service in ("airflow-scheduler", "airflow-triggerer")}
        for each in own.values():
            living.put(each, READINGS)
        with living.held("telemetry_readings"):
            runs = {service: (each, living.start(each)) for service, each in own.items()}
            for _ in runs:
                living.waiting("DataLoading")
            for service in runs:
                living.kill(service)
        living.stack.up()
        yield runs


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(
            name,
            marks=long_fault(
                f"stack-kill-{name}", done=f"SIGKILL of {name} while an execution is awaited", promised=ONCE
            ),
        )
        for name in ("airflow-scheduler", "airflow-triggerer")
    ],
)
def test_a_part_of_airflow_dies(
    living: OnStack, without_airflow: dict[str, tuple[datetime, DagRun]], case: Case, service: str
) -> None:
    own, run = without_airflow[service]
    seen = living.settle(own, run)
    assert living.loads(own) == [("succeeded", READINGS)]
    living.saw(case, own, READINGS, seen)


@long_fault(
    "stack-clear-while-running",
    done="a run is cleared while its execution runs",
    promised="it attaches, and loads once",
)
def test_a_run_is_cleared_while_it_runs(living: OnStack, hour: datetime, case: Case) -> None:
    with living.held("telemetry_readings"):
        run = living.start(hour)
        living.waiting("DataLoading")
        cleared = living.api.clear(run.dag_id, run.run_id)
        wait_until(
            lambda: living.api.run(cleared.dag_id, cleared.run_id).state == "running",
            what="the cleared run to run",
            timeout=LONG,
        )
    assert living.finish(cleared).state == "success"
    loads = living.loads(hour)
    assert [load for load in loads if load[1]] == [("succeeded", READINGS)]
    living.saw(case, hour, READINGS, f"{len(loads)} loads, one of which loaded")


@long_fault("stack-same-hour-often", done="four runs of one hour at once, of a load that takes no time", promised=ONCE)
def test_runs_that_race_for_one_hour(living: OnStack, hour: datetime, case: Case) -> None:
    """The deferral race: what resumes very fast may be taken for failed, and is tried again."""
    runs = [living.start(hour) for _ in range(4)]
    states = [living.finish(run).state for run in runs]
    assert states == ["success"] * 4
    loads = living.loads(hour)
    assert sum(loaded for _, loaded in loads) == READINGS
    living.saw(case, hour, READINGS, f"{len(loads)} loads, one of which loaded")


@long_fault(
    "stack-two-backfills", done="two backfills of one day at once", promised="one is refused or both load it once"
)
def test_two_backfills_of_one_day(living: OnStack, hour: datetime, case: Case) -> None:
    day: date = hour.date()
    made, refused = [], []

    def fill() -> None:
        try:
            made.append(living.api.create_backfill(f"{STREAM}_daily", day, day))
        except TelemetryError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=fill) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made
    for one in made:
        assert [run.state for run in list(living.api.watch_backfill(one, LONG))[-1].runs] == ["success"]
    assert sum(loaded for _, loaded in living.loads(Interval.day(day).start, "daily")) == READINGS
    living.saw(case, hour, READINGS, f"{len(made)} ran, {len(refused)} refused")


# PostgreSQL, and the emulator


@long_fault("stack-kill-postgres", done="SIGKILL of PostgreSQL in mid-COPY, then `telemetry up`", promised=ONCE)
def test_postgres_dies_in_copy(living: OnStack, hour: datetime, case: Case) -> None:
    with living.held("quarantine"):
        run = living.start(hour)
        living.waiting("DataLoading", "COPY quarantine")
        living.kill("postgres")
    living.stack.up()
    seen = living.settle(hour, run)
    living.saw(case, hour, READINGS, seen)


@long_fault("stack-kill-emulator", done="SIGKILL of the emulator while a load runs and devices publish", promised=ONCE)
def test_the_emulator_dies(living: OnStack, hour: datetime, case: Case) -> None:
    sent = 1500
    before = living.lanes()["lake"]["published"]
    devices = Devices(living, sent)
    with living.held("telemetry_readings"):
        run = living.start(hour)
        living.waiting("DataLoading")
        devices.start()
        wait_until(lambda: devices.acknowledged > 100, what="messages to be published", timeout=LONG, interval=0.01)
        living.kill("emulator")
        living.stack.up()
    assert devices.all_acknowledged()
    seen = living.settle(hour, run)
    living.drain()
    again = living.lanes()["lake"]["published"] - before - sent
    assert again >= 0, "fewer messages were published than were acknowledged"
    stored = living.ask(
        "SELECT count(*)::int, count(DISTINCT (device_id, event_time))::int FROM telemetry_readings "
        "WHERE event_time >= %s AND event_time < %s",
        *(LONG_AGO, LONG_AGO + HOUR),
    )
    assert stored == [(sent, sent)]
    living.saw(case, hour, READINGS, f"{seen}; {sent} messages published meanwhile, {again} of them twice")
