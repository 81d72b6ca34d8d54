"""A real PostgreSQL, from a wheel, on loopback TCP: the warehouse and Airflow's metadata live in it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection, encrypt_password

from telemetry.errors import TelemetryError
from telemetry.local.host.ports import LOOPBACK, claim_port
from telemetry.local.host.processes import Daemon, as_user, base_environment, is_alive
from telemetry.local.host.state import State
from telemetry.local.services import postgres_files
from telemetry.waiting import wait_until

SUPERUSER = "postgres"
DATABASES = ("telemetry", "airflow")
"""Each is owned by a role of its own name, who may not enter the other."""

# Modest, for 2 cores. What a commit promised is on the disk (fsync, synchronous_commit): the ledger is built on it.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Login:
    """How to reach one database, as its owner."""

    host: str
    port: int
    dbname: str
    user: str
    password: str = field(repr=False)

    def connect(self) -> connection:
        """A new connection; the caller closes it."""
        return psycopg2.connect(
            host=self.host,
            port=self.port,
            dbname=self.dbname,
            user=self.user,
            password=self.password,
            connect_timeout=5,
            application_name="telemetry",
        )

    def url(self) -> str:
        """As SQLAlchemy takes it. It holds the password."""
        return f"postgresql+psycopg2://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{self.dbname}"

    def secret(self) -> dict[str, str | int]:
        """As the warehouse's secret holds it (``telemetry.warehouse.connection``)."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "username": self.user,
            "password": self.password,
        }

    def environment(self) -> dict[str, str]:
        """As psql and every other client of libpq takes it."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.dbname,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
        }


class Postgres:
    """The PostgreSQL server of the local stack, with the databases ``telemetry`` and ``airflow``."""

    name = "postgres"

    def __init__(self, state: State) -> None:
        self._state = state
        # SIGINT is PostgreSQL's fast shutdown; at SIGTERM it would wait for its clients to leave.
        self._daemon = Daemon(state, self.name, stop_signal=signal.SIGINT)

    def start(self) -> None:
        """Return when both databases can be used; harmless where the server runs.

        Raises:
            TelemetryError: the port is taken, the server cannot run here, or it ended; names the log's last lines.
        """
        place = postgres_files.prepare(self._state)
        data = place.folder / "data"
        if not self._daemon.is_running():
            self._daemon.stop()
            claim_port(self._state, self.name)
            self._initialise(place, data)
            _clear_remains(data)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command: list[str | Path] = [place.binaries / "postgres", "-D", data, "-p", str(self._port()), *settings]
        self._daemon.start(command, base_environment() | {"HOME": str(data)}, folder=data, user=place.user)
        wait_until(
            self._answers, what="PostgreSQL to answer", timeout=60, interval=0.05, hint=f"See {self._daemon.log}."
        )
        for database in DATABASES:
            self._create(database)

    def stop(self) -> None:
        """Shut down, ending all sessions; return when nothing of the server runs."""
        self._daemon.stop(grace=30.0)  # the last checkpoint may take its time
        _end_orphans(_server_processes(postgres_files.server_folder(self._state) / "data"))

    def health(self) -> dict[str, str | None]:
        """``{"postgres": None}`` where the warehouse takes queries, else what is wrong."""
        if not self._daemon.is_running():
            return {self.name: "not running"}
        try:
            self.login().connect().close()
        except psycopg2.Error as error:
            return {self.name: str(error).strip().splitlines()[-1]}
        return {self.name: None}

    def login(self, database: str = "telemetry") -> Login:
        """How to reach ``database`` as its owner."""
        return Login(LOOPBACK, self._port(), database, database, self._state.secret(f"postgres-{database}"))

    def remove(self) -> None:
        """Delete the server's data, which may lie outside the state folder. The server must be stopped."""
        postgres_files.remove(self._state)

    def _port(self) -> int:
        return self._state.port(self.name)

    def _superuser(self) -> Login:
        return Login(LOOPBACK, self._port(), "postgres", SUPERUSER, self._state.secret("postgres-superuser"))

    def _answers(self) -> bool:
        self._daemon.check()
        try:
            self._superuser().connect().close()
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise TelemetryError(
                    "PostgreSQL does not take the password that the state folder remembers.",
                    f"Restore {self._state.folder / 'secrets'}, or run `telemetry reset` to start afresh.",
                ) from error
            return False
        return True

    def _initialise(self, place: postgres_files.ServerFiles, data: Path) -> None:
        """Make the data folder where there is none: whole or not at all."""
        if data.exists():
            return
        scratch = place.folder / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        with _password_file(place, self._state.secret("postgres-superuser")) as password:
            command: list[str | Path] = [
                place.binaries / "initdb",
                "-D",
                scratch,
                "-U",
                SUPERUSER,
                f"--pwfile={password}",
            ]
            command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
            # Airflow and the tables want plain C order in UTF-8, the same on every machine: PostgreSQL's own C.UTF-8.
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            result = subprocess.run(
                command,
                cwd=place.folder,
                env=base_environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                **as_user(place.user),
            )
        if result.returncode != 0:
            raise TelemetryError(f"PostgreSQL's initdb failed in {place.folder}:\n{result.stdout.strip()}")
        scratch.rename(data)

    def _create(self, database: str) -> None:
        """Create the role and the database of this name where they are missing, and keep others out of it."""
        name, login = sql.Identifier(database), self.login(database)
        session = self._superuser().connect()
        try:
            session.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)  # CREATE DATABASE takes no transaction
            with session.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [database])
                if cursor.fetchone() is None:
                    hashed = encrypt_password(login.password, login.user, session, "scram-sha-256")
                    cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(hashed)))
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(name))
                    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        finally:
            session.close()


@contextmanager
def _password_file(place: postgres_files.ServerFiles, password: str) -> Iterator[Path]:
    """A file that only the server's user can read, for initdb, and only as long as initdb runs."""
    path = place.folder / "password"
    path.unlink(missing_ok=True)
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, mode=0o600)) as file:
        if place.user:
            os.fchown(file.fileno(), pwd.getpwnam(place.user).pw_uid, -1)
        file.write(password)
    try:
        yield path
    finally:
        path.unlink()


def _clear_remains(data: Path) -> None:
    """Make a killed server's data folder ready for the next: end orphaned sessions, remove a lock that nobody holds.

    PostgreSQL takes any process that has the number in the lock file for its holder, after a reboot as well.

    Raises:
        TelemetryError: a server that this stack did not start runs on the data folder.
    """
    lock = data / "postmaster.pid"
    try:
        holder = int(lock.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        holder = -1
    processes = _server_processes(data)
    if any(process.pid == holder for process in processes):
        raise TelemetryError(
            f"PostgreSQL runs on {data} already, as process {holder}, which this stack does not remember starting.",
            f"Stop it: kill -INT {holder}",
        )
    _end_orphans(processes)
    lock.unlink(missing_ok=True)


def _server_processes(data: Path) -> list[psutil.Process]:
    """PostgreSQL's processes on this data folder: each of them works inside it."""

    def inside(process: psutil.Process) -> bool:
        try:
            return process.name() == "postgres" and is_alive(process) and Path(process.cwd()) == data.resolve()
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if inside(process)]


def _end_orphans(orphans: list[psutil.Process]) -> None:
    """Kill sessions whose server was killed; most notice by themselves, one in a long query does not."""
    for orphan in orphans:
        with suppress(psutil.NoSuchProcess):
            orphan.kill()
    wait_until(
        lambda: not any(is_alive(orphan) for orphan in orphans),
        what="the remains of a killed PostgreSQL to go",
        timeout=10,
        interval=0.05,
    )
