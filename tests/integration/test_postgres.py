"""The local PostgreSQL: real, private, durable, back after any death."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg2
import pytest

from listening import listening
from telemetry.errors import TelemetryError
from telemetry.local.host.processes import PROCESSES, is_alive
from telemetry.local.host.state import State
from telemetry.local.services import postgres_files as postgres_files
from telemetry.local.services.postgres import Postgres
from telemetry.waiting import wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@contextmanager
def state_folder() -> Iterator[State]:
    """A state folder where every user could get to, if its mode let them (pytest's own are below a private one)."""
    folder = Path(tempfile.mkdtemp(prefix="telemetry-test-"))
    try:
        yield State(folder)
    finally:
        postgres_files.remove(State(folder))
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shared_state() -> Iterator[State]:
    with state_folder() as state:
        yield state


@pytest.fixture(scope="module")
def shared(shared_state: State) -> Iterator[Postgres]:
    """A server for all tests that leave it as it was; each starts it, as the one before may have stopped it."""
    postgres = Postgres(shared_state)
    yield postgres
    postgres.stop()


@pytest.fixture
def state() -> Iterator[State]:
    with state_folder() as state:
        yield state


@pytest.fixture
def postgres(state: State) -> Iterator[Postgres]:
    """A server that has never run."""
    postgres = Postgres(state)
    yield postgres
    postgres.stop()


def server(state: State) -> psutil.Process:
    return psutil.Process(state.read(PROCESSES)["postgres"]["pid"])


def query(postgres: Postgres, text: str, database: str = "telemetry") -> list[tuple[object, ...]]:
    session = postgres.login(database).connect()
    try:
        with session, session.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else []
    finally:
        session.close()


def test_each_database_is_open_to_its_owner_only(shared: Postgres) -> None:
    shared.start()
    assert shared.health() == {"postgres": None}
    for database in ("telemetry", "airflow"):
        assert query(shared, "SELECT current_user, current_database()", database) == [(database, database)]
        assert query(shared, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", database) == [(False,)]
    login = shared.login("airflow")
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(host=login.host, port=login.port, user="airflow", password=login.password, dbname="telemetry")


def test_a_wrong_password_is_refused(shared: Postgres) -> None:
    shared.start()
    login = shared.login()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(host=login.host, port=login.port, user="telemetry", password="wrong", dbname="telemetry")


def test_commits_are_synchronous_and_text_is_utf8(shared: Postgres) -> None:
    shared.start()
    for name, value in {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "password_encryption": "scram-sha-256",
    }.items():
        assert query(shared, f"SHOW {name}") == [(value,)]
    assert query(shared, "SELECT datlocale FROM pg_database WHERE datname = current_database()") == [("C.UTF-8",)]


def shown(process: psutil.Process) -> str:
    """What everybody may see of a process; nothing, once it has ended."""
    with suppress(psutil.NoSuchProcess):
        return str(process.cmdline()) + str(process.environ())
    return ""


def test_it_listens_on_loopback_only_and_logs_no_password(shared: Postgres, shared_state: State) -> None:
    shared.start()
    process = server(shared_state)
    assert set(listening([process])) == {("127.0.0.1", shared.login().port)}
    assert not [c for c in process.net_connections("unix") if c.laddr]
    family = [process, *process.children(recursive=True)]
    told = [*map(shown, family), repr(shared.login())]
    for name in ("postgres-telemetry", "postgres-airflow", "postgres-superuser"):
        assert stat.S_IMODE((shared_state.folder / "secrets" / name).stat().st_mode) == 0o600
        assert not any(shared_state.secret(name) in text for text in told)


def test_starting_twice_changes_nothing(shared: Postgres, shared_state: State) -> None:
    shared.start()
    process = server(shared_state)
    Postgres(shared_state).start()
    assert server(shared_state) == process


def test_stop_ends_all_processes_and_keeps_the_data(shared: Postgres, shared_state: State) -> None:
    shared.start()
    query(shared, "CREATE TABLE stopped AS SELECT 42 AS answer")
    family = [server(shared_state), *server(shared_state).children(recursive=True)]
    shared.stop()
    assert not any(is_alive(process) for process in family)
    assert shared.health() == {"postgres": "not running"}
    shared.start()
    assert query(shared, "SELECT answer FROM stopped") == [(42,)]


def test_a_killed_server_recovers_all_commits(shared: Postgres, shared_state: State) -> None:
    shared.start()
    query(shared, "CREATE TABLE killed AS SELECT 42 AS answer")
    busy = shared.login().connect()
    busy.cursor().execute("SELECT pg_backend_pid()")
    server(shared_state).kill()
    wait_until(lambda: shared.health()["postgres"], what="the kill", timeout=60, interval=0.01)
    Postgres(shared_state).start()
    assert query(shared, "SELECT answer FROM killed") == [(42,)]
    busy.close()


def test_a_lock_file_with_a_foreign_pid_does_not_block_the_start(shared: Postgres, shared_state: State) -> None:
    shared.start()
    data = postgres_files.server_folder(shared_state) / "data"
    lock = (data / "postmaster.pid").read_text().splitlines()
    shared.stop()
    (data / "postmaster.pid").write_text("\n".join(["1", *lock[1:]]) + "\n")
    shared.start()
    assert shared.health() == {"postgres": None}


def test_an_unknown_server_is_reported_and_left_alone(shared: Postgres, shared_state: State) -> None:
    shared.start()
    remembered = shared_state.read(PROCESSES)
    ports = shared_state.read("ports")
    pid = remembered["postgres"]["pid"]
    shared_state.write(PROCESSES, {})
    shared_state.forget_port("postgres")
    try:
        with pytest.raises(TelemetryError, match=f"runs on .* already, as process {pid}") as caught:
            Postgres(shared_state).start()
        assert f"kill -INT {pid}" in caught.value.hint
    finally:
        shared_state.write(PROCESSES, remembered)
        shared_state.write("ports", ports)
    assert shared.health() == {"postgres": None}


def test_a_taken_port_is_reported_and_the_next_start_works(postgres: Postgres, state: State) -> None:
    port = state.port("postgres")
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(TelemetryError, match=rf"Port {port} .* is taken by .*\(process {os.getpid()}\)"):
            postgres.start()
        postgres.start()
    assert postgres.login().port != port


def test_a_lost_password_is_an_error(postgres: Postgres, state: State) -> None:
    postgres.start()
    postgres.stop()
    (state.folder / "secrets" / "postgres-superuser").unlink()
    with pytest.raises(TelemetryError, match="rejects the password") as caught:
        postgres.start()
    assert "telemetry reset" in caught.value.hint


def test_an_interrupted_initialisation_is_repeated(postgres: Postgres, state: State) -> None:
    place = postgres_files.prepare(state)
    (place.folder / "data.new").mkdir()
    (place.folder / "data.new" / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert postgres.health() == {"postgres": None}


@as_root
def test_root_runs_it_as_an_unprivileged_user_without_other_access(shared: Postgres, shared_state: State) -> None:
    shared.start()
    assert server(shared_state).username() in postgres_files.UNPRIVILEGED
    assert stat.S_IMODE(shared_state.folder.stat().st_mode) == 0o710
    assert stat.S_IMODE((shared_state.folder / "secrets").stat().st_mode) == 0o700
    assert (shared_state.folder / "postgres" / "data").is_dir()


@as_root
def test_a_state_folder_out_of_that_users_reach_is_replaced_until_removal(state: State) -> None:
    private = State(state.folder / "home" / "state")
    private.folder.mkdir(parents=True)
    private.folder.parent.chmod(0o700)
    postgres = Postgres(private)
    try:
        postgres.start()
        home = postgres_files.server_folder(private).parent
        assert home.parent == Path("/var/tmp")
        query(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
        postgres.stop()
        postgres.start()
        assert query(postgres, "SELECT answer FROM kept") == [(42,)]
    finally:
        postgres.stop()
        postgres.remove()
    assert not home.exists()
    assert stat.S_IMODE(private.folder.stat().st_mode) == 0o755


@as_root
def test_binaries_out_of_that_users_reach_are_copied(
    state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_in(tmp_path, monkeypatch)
    tmp_path.chmod(0o700)
    postgres = Postgres(state)
    try:
        postgres.start()
        assert Path(server(state).exe()).is_relative_to(state.folder)
        assert postgres.health() == {"postgres": None}
    finally:
        postgres.stop()


@as_root
def test_an_ordinary_user_runs_it_as_themselves(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = pwd.getpwnam("nobody")
    install_in(state.folder, monkeypatch)
    os.chown(state.folder, nobody.pw_uid, nobody.pw_gid)

    def cycle() -> None:
        postgres = Postgres(state)
        postgres.start()
        try:
            assert server(state).username() == "nobody"
            assert postgres.health() == {"postgres": None}
            server(state).kill()
            wait_until(lambda: postgres.health()["postgres"], what="the kill", timeout=60, interval=0.01)
            postgres.start()
        finally:
            postgres.stop()

    in_a_process_of("nobody", cycle)
    assert stat.S_IMODE(state.folder.stat().st_mode) == 0o700


def install_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install PostgreSQL's package in ``folder``, whose reach the test knows; .venv may lie where only root gets."""
    package = postgres_files._installed_binaries().parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.name, symlinks=True)
    monkeypatch.setattr(postgres_files, "_installed_binaries", lambda: folder / package.name / "pginstall" / "bin")


def in_a_process_of(user: str, action: Callable[[], None]) -> None:
    """Run ``action`` in a forked process of ``user``; this interpreter may itself be out of that user's reach."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            account = pwd.getpwnam(user)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            action()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
