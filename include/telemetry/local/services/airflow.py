"""A real Airflow on loopback: api-server, scheduler, dag-processor and triggerer as four processes."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from telemetry.errors import TelemetryError
from telemetry.local.host.ports import LOOPBACK, claim_port
from telemetry.local.host.processes import PYTHON, Daemon, base_environment, stop_all
from telemetry.local.host.state import PROJECT, State, write_private
from telemetry.local.services.airflow_config import USER, airflow_config, passwords, passwords_file
from telemetry.local.services.postgres import Login
from telemetry.paths import INCLUDE
from telemetry.waiting import wait_until

API_SERVER = "airflow-api-server"
# Log servers would listen on every interface, and are not needed: the api-server reads the same files.
COMPONENTS = {
    API_SERVER: ("api-server",),
    "airflow-scheduler": ("scheduler", "--skip-serve-logs"),
    "airflow-dag-processor": ("dag-processor",),
    "airflow-triggerer": ("triggerer", "--skip-serve-logs"),
}
STARTUP = 180.0
"""Seconds until Airflow must be healthy: a first start on a busy machine compiles a thousand modules."""


class Airflow:
    """The Airflow of the local stack, with its metadata in ``database``.

    All four processes, and so every task, get ``environment``: the AWS endpoint, names of buckets, and so on.
    """

    name = "airflow"

    def __init__(
        self, state: State, database: Login, environment: Mapping[str, str], dags: Path = PROJECT / "dags"
    ) -> None:
        self._state = state
        self._database = database
        self._environment = dict(environment)
        self._dags = dags
        self._home = state.path("airflow", "airflow.cfg").parent
        self._daemons = {name: Daemon(state, name) for name in COMPONENTS}
        self._migration = Daemon(state, "airflow-migration")

    @property
    def url(self) -> str:
        """The address of Airflow's pages and API."""
        return f"http://{LOOPBACK}:{self._state.port(API_SERVER)}"

    @property
    def user(self) -> str:
        """The name of the only user."""
        return USER

    @property
    def password(self) -> str:
        """That user's password, which survives restarts."""
        return self._state.secret("airflow-admin")

    def start(self) -> None:
        """Start all four processes, and return when they are healthy. Those that run with the same settings are kept.

        Raises:
            TelemetryError: the port is taken, the migration failed, or a process ended, with the last lines of its log.
        """
        if not self._daemons[API_SERVER].is_running():
            claim_port(self._state, API_SERVER)
        config = airflow_config(self._state, self._database, self._state.port(API_SERVER), self._dags)
        write_private(self._home / "airflow.cfg", config)
        write_private(passwords_file(self._state), passwords(self._state))
        # The api-server takes longest and needs no tables until the first request, so it starts during the migration.
        self._launch(API_SERVER, config)
        self._migrate()
        for name in COMPONENTS:
            self._launch(name, config)
        wait_until(self._is_up, what="Airflow to be healthy", timeout=STARTUP, interval=0.25, hint=self._logs())

    def stop(self) -> None:
        """Stop all processes. The api-server is the last, because tasks that are stopped report to it."""
        api_server = self._daemons[API_SERVER]
        stop_all([self._migration, *(daemon for daemon in self._daemons.values() if daemon is not api_server)])
        stop_all([api_server])

    def health(self) -> dict[str, str | None]:
        """Return, for every process, ``None`` if it is healthy, else what is wrong."""
        running = {name: daemon.is_running() for name, daemon in self._daemons.items()}
        report = self._report() if running[API_SERVER] else None
        return {name: self._verdict(name, report) if running[name] else "not running" for name in COMPONENTS}

    def _launch(self, name: str, config: str) -> None:
        environment = self._process_environment()
        self._daemons[name].start(_command(*COMPONENTS[name]), environment, folder=self._home, settings=config)

    def _is_up(self) -> bool:
        for daemon in self._daemons.values():
            daemon.check()
        report = self._report()
        return report is not None and not any(self._verdict(name, report) for name in COMPONENTS)

    def _verdict(self, name: str, report: dict[str, Any] | None) -> str | None:
        """What is wrong with the running process ``name`` according to the api-server's report."""
        if report is None:
            return f"no answer from {self.url}" if name == API_SERVER else "unknown, as the api-server does not answer"
        if name == API_SERVER:
            return None if report["metadatabase"]["status"] == "healthy" else "cannot reach its database"
        component = name.removeprefix("airflow-").replace("-", "_")
        heartbeat = report[component][f"latest_{component}_heartbeat"]
        record = self._daemons[name].record()
        # The heartbeat may be of an earlier process, which was killed.
        if heartbeat and record and datetime.fromisoformat(heartbeat).timestamp() < record.created:
            return "no heartbeat yet"
        status = report[component]["status"]
        return None if status == "healthy" else f"{status or 'no heartbeat yet'}"

    def _report(self) -> dict[str, Any] | None:
        try:
            response = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=15, trust_env=False)
            return dict(response.json()) if response.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError):
            return None

    def _migrate(self) -> None:
        """Migrate the metadata to this Airflow's schema, unless that is done: it takes seconds."""
        version = importlib.metadata.version("apache-airflow")
        done = self._state.read("airflow-migration")
        if done.get("airflow") == version and done.get("schema") == self._schema() is not None:
            return
        self._migration.stop()  # left by a command that was killed; a migration can be repeated
        self._migration.start(_command("db", "migrate"), self._process_environment(), folder=self._home)
        self._migration.finish(STARTUP)
        self._state.write("airflow-migration", {"airflow": version, "schema": self._schema()})

    def _schema(self) -> str | None:
        """The revision of the metadata's schema in the database; ``None`` if there is no schema."""
        session = self._database.connect()
        try:
            with session.cursor() as cursor:
                cursor.execute("SELECT version_num FROM alembic_version")
                row = cursor.fetchone()
                return str(row[0]) if row else None
        except psycopg2.errors.UndefinedTable:
            return None
        finally:
            session.close()

    def _process_environment(self) -> dict[str, str]:
        # The package of this checkout, whatever is installed. MWAA has its plugins folder on the path, too.
        own = {"AIRFLOW_HOME": str(self._home), "PYTHONPATH": str(INCLUDE)}
        return base_environment() | own | self._environment

    def _logs(self) -> str:
        return f"See the logs in {self._daemons[API_SERVER].log.parent}."


def _command(*arguments: str) -> list[str]:
    return [str(PYTHON), "-m", "telemetry.local.services.airflow_main", *arguments]


def token(url: str, user: str, password: str) -> str:
    """Get a token for Airflow's REST API at ``url``.

    Raises:
        TelemetryError: Airflow does not answer or refuses the login.
    """
    try:
        response = httpx.post(
            f"{url}/auth/token", json={"username": user, "password": password}, timeout=10, trust_env=False
        )
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise TelemetryError(f"Airflow at {url} gave no token to {user}: {error}.") from error
    return str(response.json()["access_token"])
