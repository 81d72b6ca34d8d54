"""A stack of the tests' own: the project copied to a temporary folder, driven by its command line."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection

from telemetry.airflow_rest.runs import AirflowApi

PROJECT = Path(__file__).parents[1]
COPIED = ["dags", "include", "plugins", "requirements", "pyproject.toml"]
LINKED = [".venv", ".venv-emulator", "build"]


@dataclass
class Stack:
    """The project at ``folder``, with a state folder of its own; its command line is ``run``."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def copy(cls, folder: Path) -> Stack:
        """Copy what a user would have cloned, so that a test may change a file of it."""
        for name in COPIED:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            elif source.exists():
                shutil.copy2(source, folder / name)
        for name in LINKED:
            (PROJECT / name).mkdir(exist_ok=True)
            (folder / name).symlink_to(PROJECT / name)
        return cls(folder)

    def run(self, *arguments: str, check: bool = True, timeout: float = 300, **environment: str) -> Any:
        """Run ``telemetry ARGUMENTS``; with ``check`` a code other than 0 fails the test with what was printed."""
        done = subprocess.run(
            [str(self.folder / ".venv" / "bin" / "python"), "-m", "telemetry.cli", *arguments],
            cwd=self.folder,
            env=self.process_environment() | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"telemetry {shlex.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        """What ``telemetry ARGUMENTS --json`` printed, decoded."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def up(self) -> None:
        """Start the stack, or bring it up to its files, and learn its environment."""
        self.run("up", timeout=600)
        exports = self.run("env").stdout.splitlines()
        words = [shlex.split(line) for line in exports if line.startswith("export ")]
        self.environment = dict(word[1].split("=", 1) for word in words)

    def warehouse(self) -> connection:
        """A connection to the stack's warehouse, as analysts have it."""
        names = {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user", "PGPASSWORD": "password"}
        return psycopg2.connect(**{argument: self.environment[name] for name, argument in names.items()})  # type: ignore[call-overload, no-any-return]

    @property
    def airflow_api(self) -> AirflowApi:
        """Airflow's REST API, logged in."""
        url, user, password = (self.environment[f"TELEMETRY_AIRFLOW_{name}"] for name in ("URL", "USER", "PASSWORD"))
        return AirflowApi.login(url, user, password)

    def pids(self) -> dict[str, int]:
        """The process id of every service."""
        remembered = json.loads((self.folder / ".telemetry" / "processes.json").read_text())
        return {name: process["pid"] for name, process in remembered.items()}

    def process_environment(self) -> dict[str, str]:
        """This process's environment, with the copy's code and state and none of AWS's settings."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TELEMETRY_", "PG"))}
        return kept | {
            "PYTHONPATH": str(self.folder / "include"),
            "TELEMETRY_STATE": str(self.folder / ".telemetry"),
            "TELEMETRY_FIREHOSE_BUFFER_SECONDS": "3",
            "NO_COLOR": "1",
        }
