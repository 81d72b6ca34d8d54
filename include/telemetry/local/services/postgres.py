"""A real PostgreSQL from a wheel, on a loopback port, for the warehouse and Airflow's metadata."""

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
"""Each is owned by a role of the same name, which cannot connect to the other."""

# Sized for 2 cores. Commits are durable (fsync, synchronous_commit), which the ledger depends on.
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
    """The address and the credentials of a database's owner."""

    host: str
    port: int
    dbname: str
    user: str
    password: str = field(repr=False)

    def connect(self) -> connection:
        """Open a new connection, which the caller closes."""
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
        """The URL for SQLAlchemy, with the password."""
        return f"postgresql+psycopg2://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{self.dbname}"

    def secret(self) -> dict[str, str | int]:
        """The content of the warehouse's secret (``telemetry.warehouse.connection``)."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "username": self.user,
            "password": self.password,
        }

    def environment(self) -> dict[str, str]:
        """The environment variables for psql and other clients of libpq, with the password."""
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
        # SIGINT is PostgreSQL's fast shutdown; at SIGTERM it would wait for clients to disconnect.
        self._daemon = Daemon(state, self.name, stop_signal=signal.SIGINT)

    def start(self) -> None:
        """Start the server, and return when both databases can be used. Does nothing if it is running.

        Raises:
            TelemetryError: the port is taken, the server cannot run here, or it ended, with the last lines of its log.
        """
        installation = postgres_files.prepare(self._state)
        data = installation.folder / "data"
        if not self._daemon.is_running():
            self._daemon.stop()
            claim_port(self._state, self.name)
            self._initialise(installation, data)
            _clean_up(data)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command: list[str | Path] = [installation.binaries / "postgres", "-D", data, "-p", str(self._port()), *settings]
        self._daemon.start(command, base_environment() | {"HOME": str(data)}, folder=data, user=installation.user)
        wait_until(
            self._answers, what="PostgreSQL to answer", timeout=60, interval=0.05, hint=f"See {self._daemon.log}."
        )
        for database in DATABASES:
            self._create(database)

    def stop(self) -> None:
        """Shut the server down with all its sessions, and return when no process of it is left."""
        self._daemon.stop(grace=30.0)  # the last checkpoint may take a while
        _end_orphans(_server_processes(postgres_files.server_folder(self._state) / "data"))

    def health(self) -> dict[str, str | None]:
        """Return ``{"postgres": None}`` if the warehouse accepts connections, else what is wrong."""
        if not self._daemon.is_running():
            return {self.name: "not running"}
        try:
            self.login().connect().close()
        except psycopg2.Error as error:
            return {self.name: str(error).strip().splitlines()[-1]}
        return {self.name: None}

    def login(self, database: str = "telemetry") -> Login:
        """Return the login of the owner of ``database``."""
        return Login(LOOPBACK, self._port(), database, database, self._state.secret(f"postgres-{database}"))

    def remove(self) -> None:
        """Delete the server's data, which may be outside the state folder. The server must be stopped."""
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
                    "PostgreSQL rejects the password in the state folder.",
                    f"Restore {self._state.folder / 'secrets'}, or run `telemetry reset` to start afresh.",
                ) from error
            return False
        return True

    def _initialise(self, installation: postgres_files.Installation, data: Path) -> None:
        """Create the data folder atomically, if there is none."""
        if data.exists():
            return
        scratch = installation.folder / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        with _password_file(installation, self._state.secret("postgres-superuser")) as password:
            command: list[str | Path] = [
                installation.binaries / "initdb",
                "-D",
                scratch,
                "-U",
                SUPERUSER,
                f"--pwfile={password}",
            ]
            command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
            # PostgreSQL's own C.UTF-8 sorts the same on every machine; Airflow and the tables need its order.
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            result = subprocess.run(
                command,
                cwd=installation.folder,
                env=base_environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                **as_user(installation.user),
            )
        if result.returncode != 0:
            raise TelemetryError(f"PostgreSQL's initdb failed in {installation.folder}:\n{result.stdout.strip()}")
        scratch.rename(data)

    def _create(self, database: str) -> None:
        """Create the role and the database of this name, if they are missing, and let only the role connect."""
        name, login = sql.Identifier(database), self.login(database)
        session = self._superuser().connect()
        try:
            session.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)  # CREATE DATABASE cannot run in a transaction
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
def _password_file(installation: postgres_files.Installation, password: str) -> Iterator[Path]:
    """A file with the password that only the server's user can read, and that exists only while initdb runs."""
    path = installation.folder / "password"
    path.unlink(missing_ok=True)
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, mode=0o600)) as file:
        if installation.user:
            os.fchown(file.fileno(), pwd.getpwnam(installation.user).pw_uid, -1)
        file.write(password)
    try:
        yield path
    finally:
        path.unlink()


def _clean_up(data: Path) -> None:
    """Clean up after a server that was killed: end orphaned sessions, and remove a stale lock file.

    PostgreSQL would take any process with the id in the lock file for the holder of the lock, even after a reboot.

    Raises:
        TelemetryError: a server that this stack did not start is running on the data folder.
    """
    lock = data / "postmaster.pid"
    try:
        holder = int(lock.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        holder = -1
    processes = _server_processes(data)
    if any(process.pid == holder for process in processes):
        raise TelemetryError(
            f"PostgreSQL runs on {data} already, as process {holder}, which this stack has no record of.",
            f"Stop it: kill -INT {holder}",
        )
    _end_orphans(processes)
    lock.unlink(missing_ok=True)


def _server_processes(data: Path) -> list[psutil.Process]:
    """PostgreSQL's processes on this data folder, which is their working directory."""

    def inside(process: psutil.Process) -> bool:
        try:
            return process.name() == "postgres" and is_alive(process) and Path(process.cwd()) == data.resolve()
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if inside(process)]


def _end_orphans(orphans: list[psutil.Process]) -> None:
    """Kill sessions whose server was killed. Most end by themselves, but not during a long query."""
    for orphan in orphans:
        with suppress(psutil.NoSuchProcess):
            orphan.kill()
    wait_until(
        lambda: not any(is_alive(orphan) for orphan in orphans),
        what="orphaned sessions of PostgreSQL to end",
        timeout=10,
        interval=0.05,
    )
