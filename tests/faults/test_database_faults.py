"""PostgreSQL goes away, comes back, refuses, is full, does not answer: in mid-COPY, at COMMIT, while locks are held."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from emulated import free_port, until
from faults.cases import Case, fault
from faults.harness.law import saw
from faults.harness.machine import Meanwhile
from faults.harness.messages import Message, corrupt, long_corrupt, readings
from faults.harness.steps import Step, commit, copying, database_at, statement, stop_at
from faults.harness.wire import Wire
from faults.harness.worker import Fault, Worker
from faults.harness.world import World
from telemetry.interval import Interval
from telemetry.local.services.postgres import Postgres
from telemetry.warehouse import ledger

HOUR = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL = Interval.hour(HOUR)
COMMIT = b"COMMIT\x00"
CLAIM, STAGE, MERGE = "INSERT INTO load_objects ", "COPY stage", 'INSERT INTO "telemetry_readings"'
LOADERS = "FROM pg_stat_activity WHERE application_name = 'DataLoading' AND pid <> pg_backend_pid()"
WAITING = f"SELECT pid {LOADERS} AND wait_event_type = 'Lock'"
LONG = {
    "db-cut-in-mid-quarantine",
    "db-cut-at-claim",
    "db-claim-unanswered",
    "db-cut-at-merge",
    "db-extract-commit-unanswered",
    "db-restart-before-commit",
    "db-killed-in-mid-copy",
    "db-disk-full-quarantine",
    "db-disk-full-ledger",
    "db-out-of-memory",
    "db-statement-cancelled",
}
ATOMIC = "an object's rows and its place in the ledger are there both or not at all; the retry loads what is not"


def some(start: int = 0) -> list[Message]:
    return [*readings(range(start, start + 200), HOUR - timedelta(minutes=1)), corrupt(7 * start), long_corrupt(start)]


@pytest.fixture
def recorded(world: World) -> World:
    world.record(some(), HOUR)
    world.record(some(1000), HOUR)
    return world


def load_with(
    world: World, case: Case, *faults: Fault, state: str = "LoadData", meanwhile: Meanwhile | None = None
) -> None:
    """The first attempt of a state meets the faults; the execution must succeed all the same."""
    ending = world.run("hourly", INTERVAL, plan={state: [faults]}, meanwhile={state: meanwhile} if meanwhile else {})
    assert ending.status == "SUCCEEDED", ending
    errors = [f"{name} failed with {ended.error}" for name, ended in world.machines[-1].attempts if ended.error]
    assert errors, "nothing went wrong"
    saw(world, case, f"{', '.join(errors)}; the next attempt went through")


CUTS = [
    ("db-cut-in-mid-copy", "the connection is cut in the middle of COPY", "LoadData", b"COPY stage", 9000, False),
    ("db-cut-in-mid-quarantine", "the connection is cut in the middle of COPY into quarantine", "LoadData",
     b"COPY quarantine", 4000, False),
    ("db-cut-at-claim", "the connection is cut at the claim of an object", "LoadData", b"INSERT INTO load_objects", 0,
     False),
    ("db-claim-unanswered", "an object is claimed, and the answer is lost", "LoadData", b"INSERT INTO load_objects", 0,
     True),
    ("db-cut-at-merge", "the connection is cut at the merge", "LoadData", MERGE.encode(), 0, False),
    ("db-cut-before-commit", "the connection is cut, and COMMIT never arrives", "LoadData",
     b"UPDATE loads SET objects", 1, False),
    ("db-commit-unanswered", "COMMIT arrives, and its answer is lost", "LoadData", b"UPDATE loads SET objects", 1,
     True),
    ("db-extract-commit-unanswered", "the load's COMMIT arrives, and its answer is lost", "ExtractData", COMMIT, 0,
     True),
    ("db-summary-commit-unanswered", "the end of a load is committed, and the answer is lost", "Summarise",
     b"ended_at = now()", 1, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "pattern", "more", "answered"),
    [
        pytest.param(*rest, id=id, marks=fault(id, done=f"{state}: {done}", promised=ATOMIC, long=id in LONG))
        for id, done, state, *others in CUTS
        for rest in [(state, *others)]
    ],
)
def test_a_connection_is_cut(
    recorded: World, case: Case, state: str, pattern: bytes, more: int, answered: bool
) -> None:
    with Wire(recorded.login.port, pattern, more, answered) as wire:
        load_with(recorded, case, wire.through(), state=state)
        assert wire.cuts == 1


@fault("db-unreachable", done="LoadData: the database takes no connection", promised="the retry finds it and loads")
def test_the_database_cannot_be_reached(recorded: World, case: Case) -> None:
    load_with(recorded, case, database_at(free_port()))


@fault(
    "db-opening-unanswered",
    done="Airflow's task opens a load, and the answer of COMMIT is lost",
    promised="its retry gets the same load, of the same execution name",
)
def test_a_load_is_opened_and_the_answer_lost(recorded: World, case: Case) -> None:
    with (
        Wire(recorded.login.port, COMMIT, answered=True) as wire,
        closing(
            psycopg2.connect(
                host="127.0.0.1",
                port=wire.address,
                dbname="telemetry",
                user="telemetry",
                password=recorded.login.password,
            )
        ) as connection,
    ):
        opened = {"stream": "telemetry", "kind": "hourly", "interval": INTERVAL, "dag_id": "telemetry_hourly"}
        with pytest.raises(psycopg2.OperationalError):
            ledger.open_load(connection, **opened, run_id="same", attempt=0)  # type: ignore[arg-type]
    assert recorded.run("hourly", INTERVAL, run_id="same").status == "SUCCEEDED"
    assert recorded.rows("SELECT generation, status FROM loads") == [(0, "succeeded")]
    saw(recorded, case, "one load, of generation 0")


def restart(postgres: Postgres) -> None:
    """A fast shutdown, which ends every session, and a start."""
    postgres.stop()
    postgres.start()


def crash(postgres: Postgres) -> None:
    """SIGKILL of the server, as a machine that loses its power, and a start that recovers."""
    server = postgres._daemon.process()
    assert server
    server.kill()
    server.wait(20)
    postgres.start()


MERGED = statement("UPDATE loads SET objects", "after", name="the last statement")


@pytest.mark.parametrize(
    ("end", "step"),
    [
        pytest.param(
            end,
            step,
            id=id,
            marks=fault(id, done=f"LoadData, {step}: PostgreSQL {how}", promised=ATOMIC, long=id in LONG),
        )
        for id, how, end, step in [
            ("db-restart-in-mid-copy", "is restarted under LoadData", restart, copying(STAGE, name="COPY")),
            ("db-restart-before-commit", "is restarted under LoadData", restart, MERGED),
            ("db-killed-in-mid-copy", "is killed under LoadData", crash, copying(STAGE, name="COPY")),
            ("db-killed-before-commit", "is killed under LoadData", crash, MERGED),
        ]
    ],
)
def test_the_server_goes_and_comes_back(
    recorded: World, case: Case, postgres: Postgres, end: Callable[[Postgres], None], step: Step
) -> None:
    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        end(postgres)
        worker.go_on()

    load_with(recorded, case, stop_at(step), meanwhile=meanwhile)


@fault("db-session-ended", done="LoadData, before the merge: an administrator ends its session", promised=ATOMIC)
def test_a_session_is_ended_by_an_administrator(recorded: World, case: Case) -> None:
    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        ended = recorded.rows(f"SELECT pg_terminate_backend(pid) {LOADERS}")
        assert ended == [(True,)]
        worker.go_on()

    load_with(recorded, case, stop_at(statement(MERGE, "before")), meanwhile=meanwhile)


@contextmanager
def raising_once(world: World, table: str, code: str) -> Iterator[None]:
    """The server raises that SQLSTATE at the first row of the table, for once: a sequence is not rolled back."""
    world.execute(
        f"""CREATE SEQUENCE troubles;
        CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            IF nextval('troubles') = 1 THEN RAISE EXCEPTION 'trouble' USING ERRCODE = '{code}'; END IF;
            RETURN NEW;
        END$$;
        CREATE TRIGGER trouble BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION trouble()"""
    )
    try:
        yield
    finally:
        world.execute("DROP FUNCTION trouble CASCADE; DROP SEQUENCE troubles")


ERRORS = [
    ("db-disk-full-table", "the disk is full (53100) at the first reading", "telemetry_readings", "53100"),
    ("db-disk-full-quarantine", "the disk is full (53100) in mid-COPY into quarantine", "quarantine", "53100"),
    ("db-disk-full-ledger", "the disk is full (53100) at the claim", "load_objects", "53100"),
    ("db-serialization-failure", "a serialization failure (40001) at the load's sums", "loads", "40001"),
    ("db-out-of-memory", "the server is out of memory (53200) at the merge", "telemetry_readings", "53200"),
    ("db-statement-cancelled", "the merge is cancelled (57014)", "telemetry_readings", "57014"),
]


@pytest.mark.parametrize(
    ("table", "code"),
    [
        pytest.param(table, code, id=id, marks=fault(id, done=f"LoadData: {done}", promised=ATOMIC, long=id in LONG))
        for id, done, table, code in ERRORS
    ],
)
def test_the_server_refuses(recorded: World, case: Case, table: str, code: str) -> None:
    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        stack.enter_context(raising_once(recorded, table, code))
        worker.go_on()

    with ExitStack() as stack:
        load_with(recorded, case, stop_at(commit("after")), meanwhile=meanwhile)


@fault(
    "db-deadlock",
    done="another session locks the load's row and wants the loader's object: PostgreSQL ends the loader's transaction",
    promised=ATOMIC,
)
def test_a_deadlock(recorded: World, case: Case) -> None:
    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        with closing(recorded.login.connect()) as other, other.cursor() as cursor:
            cursor.execute("SELECT load_id FROM loads FOR NO KEY UPDATE")
            worker.go_on()
            until(lambda: recorded.rows(WAITING), "the loader to wait")
            bucket, key = os.environ["TELEMETRY_RAW_BUCKET"], recorded.keys("raw-data/")[0]
            columns = "bucket, key, stream, lane, partition_start, load_id, etag, bytes, messages, rows_read, "
            cursor.execute(
                f"""INSERT INTO load_objects ({columns} loaded, duplicate, quarantined)
                SELECT %s, %s, 'telemetry', 'lake', now(), load_id, '', 0, 0, 0, 0, 0, 0 FROM loads""",
                (bucket, key),
            )

    load_with(recorded, case, stop_at(statement(CLAIM, "after")), meanwhile=meanwhile)
    assert "DeadlockDetected" in case.seen


@fault(
    "db-lock-wait",
    done="another session holds the load's row while its loader wants to count",
    promised="the loader waits, and goes on",
)
def test_a_lock_is_waited_for(recorded: World, case: Case) -> None:
    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        with closing(recorded.login.connect()) as other, other.cursor() as cursor:
            cursor.execute("SELECT load_id FROM loads FOR NO KEY UPDATE")
            worker.go_on()
            until(lambda: recorded.rows(WAITING), "the loader to wait")
            other.rollback()

    ending = recorded.run(
        "hourly",
        INTERVAL,
        plan={"LoadData": [[stop_at(statement(CLAIM, "after"))]]},
        meanwhile={"LoadData": meanwhile},
    )
    assert ending.status == "SUCCEEDED"
    assert [state for state, ended in recorded.machines[-1].attempts if ended.error] == []
    saw(recorded, case, "it waited, and its first attempt went through")


def no_room(size: int) -> Fault:
    """A file of the worker can have so many bytes, as where its /tmp is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(state, id=id, marks=fault(id, done=f"{state}: no room on /tmp for {what}", promised=ATOMIC))
        for id, state, what in [
            ("tmp-full-transform", "TransformData", "the Parquet file that it writes"),
            ("tmp-full-load", "LoadData", "the Parquet file that it fetches"),
        ]
    ],
)
def test_no_room_on_tmp(recorded: World, case: Case, state: str) -> None:
    load_with(recorded, case, no_room(1500), state=state)
