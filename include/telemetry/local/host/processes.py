"""Daemons of the local stack: started detached, recorded in the state folder, stopped with all their children.

A process is ours only if its id and its start time are the recorded ones, if it is a child of such a process, or if it
is in the session that such a process opened. No other process is ever signalled.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TypedDict

import psutil

from telemetry.errors import TelemetryError
from telemetry.local.host.state import State
from telemetry.waiting import wait_until

PROCESSES = "processes"
"""The document of the state folder with their records."""

GRACE = 10.0
"""Seconds that a daemon has to end after the signal before it is killed."""

LOG_LIMIT = 10 * 2**20
"""The size in bytes above which a log is renamed to ``<service>.log.1`` at the next start."""

PYTHON = Path(sys.prefix) / "bin" / "python"
"""The interpreter of this virtual environment, by a name that does not depend on how this process was started."""

# Start times are computed from the boot time, which changes a little whenever the clock is adjusted.
CLOCK_TOLERANCE = 2.0


@dataclass(frozen=True)
class Record:
    """The record of a daemon in the state folder, by which exactly its process is recognised."""

    pid: int
    created: float
    fingerprint: str


class Daemon:
    """A long-running process that outlives the command that started it."""

    def __init__(self, state: State, name: str, *, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        self.name = name
        self.log = state.path("logs", f"{name}.log")
        self._state = state
        self._stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        folder: Path,
        user: str | None = None,
        settings: str = "",
    ) -> None:
        """Start ``command`` in ``folder`` as ``user``, with ``environment`` as its whole environment.

        Does nothing if it is running with the same command, environment and ``settings`` (such as the content of its
        files); if one of them differs, it is restarted.

        Raises:
            TelemetryError: the command cannot be run.
        """
        fingerprint = _fingerprint(command, environment, settings)
        record = self.record()
        if record and record.fingerprint == fingerprint and self.is_running():
            return
        self.stop()
        with self._open_log() as log:
            try:
                child = subprocess.Popen(
                    command,
                    env=environment,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    umask=0o077,
                    **as_user(user),
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise TelemetryError(f"{self.name} cannot be started: {error}.") from error
        self._child = child
        self._remember(child, fingerprint)

    def is_running(self) -> bool:
        """Whether the recorded process is running."""
        return self.process() is not None

    def process(self) -> psutil.Process | None:
        """The recorded process, if it is still running."""
        if self._child:
            self._child.poll()
        record = self.record()
        if record is None:
            return None
        with suppress(psutil.Error):
            process = psutil.Process(record.pid)
            if abs(process.create_time() - record.created) < CLOCK_TOLERANCE and is_alive(process):
                return process
        return None

    def record(self) -> Record | None:
        """The record of the process, whether it is running or not."""
        record = self._state.read(PROCESSES).get(self.name)
        return Record(**record) if record else None

    def check(self) -> None:
        """Check that the daemon is running.

        Raises:
            TelemetryError: it is not; the message has the exit code, if known, and the last lines of the log.
        """
        if self.is_running():
            return
        code = self._child.poll() if self._child else None
        ending = "does not run" if code is None else f"ended with code {code}"
        raise TelemetryError(
            f"{self.name} {ending}; the last lines of its log:\n{self.tail()}\n", f"All of it is in {self.log}."
        )

    def finish(self, timeout: float) -> None:
        """Wait for the process, which this object has started, to end by itself.

        Raises:
            TelemetryError: it ended with a code other than 0, or not within ``timeout`` seconds.
        """
        wait_until(lambda: not self.is_running(), what=f"{self.name} to end", timeout=timeout, interval=0.05)
        if self._child is None or self._child.poll() != 0:
            self.check()
        self.forget()

    def tail(self, lines: int = 15) -> str:
        """Return the last ``lines`` lines of the log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 64 * 1024))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(none)"

    def stop(self, grace: float = GRACE) -> None:
        """Stop the daemon and its children, and return when they are gone; after ``grace`` seconds they are killed."""
        stop_all([self], grace)

    def signal_end(self) -> None:
        """Send the stop signal to the daemon's process group."""
        process = self.process()
        if process:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, self._stop_signal)

    def family(self) -> set[psutil.Process]:
        """All running processes of the daemon: itself, its children, and orphans in the session that it opened."""
        record = self.record()
        if record is None:
            return set()
        leader = self.process()
        if leader is None and _is_in_use(record.pid):
            return set()  # another process has this id now, and perhaps the session with this id, too
        roots = {leader} if leader else set()
        roots |= {process for process in psutil.process_iter() if _in_session(process, record)}
        return {process for process in _with_children(roots) if is_alive(process)}

    def forget(self) -> None:
        """Delete the record of the process."""
        with self._state.edit(PROCESSES) as records:
            records.pop(self.name, None)

    def _remember(self, child: subprocess.Popen[bytes], fingerprint: str) -> None:
        try:
            created = psutil.Process(child.pid).create_time()
            with self._state.edit(PROCESSES) as records:
                records[self.name] = asdict(Record(child.pid, created, fingerprint))
        except BaseException:
            child.kill()  # without a record it could never be stopped
            child.wait()
            raise

    def _open_log(self) -> IO[bytes]:
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_LIMIT:
                self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        return open(self.log, "ab", opener=lambda path, flags: os.open(path, flags, mode=0o600))


def stop_all(daemons: Iterable[Daemon], grace: float = GRACE) -> None:
    """Stop ``daemons`` simultaneously, and return when they and all their children are gone.

    All get their signals, and ``grace`` seconds to end. What is left of them is then terminated, and finally killed.
    """
    daemons = list(daemons)
    families = {process for daemon in daemons for process in daemon.family()}

    def remaining() -> set[psutil.Process]:
        # Computed each time, because a daemon that is ending may still start children.
        return {p for p in families.union(*(daemon.family() for daemon in daemons)) if is_alive(p)}

    for daemon in daemons:
        daemon.signal_end()
    _wait(lambda: not any(daemon.is_running() for daemon in daemons), grace)
    _signal(remaining(), psutil.Process.terminate)
    _wait(lambda: not remaining(), 2.0)
    _signal(remaining(), psutil.Process.kill)
    wait_until(lambda: not remaining(), what="killed processes to go", timeout=GRACE, interval=0.05)
    for daemon in daemons:
        daemon.forget()


def base_environment() -> dict[str, str]:
    """The environment of every daemon. It is independent of the shell that the stack is started from."""
    return {
        "PATH": os.pathsep.join([str(PYTHON.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(Path.home()),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
    }


class Identity(TypedDict, total=False):
    """Arguments of ``subprocess`` for the user of a command."""

    user: str
    group: int
    extra_groups: list[int]


def as_user(user: str | None) -> Identity:
    """Return arguments to run a command as ``user`` in that user's own group only; ``None`` changes nothing."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def is_alive(process: psutil.Process) -> bool:
    """Whether ``process`` is still running; a zombie is not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _is_in_use(pid: int) -> bool:
    try:
        return is_alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _in_session(process: psutil.Process, record: Record) -> bool:
    try:
        return os.getsid(process.pid) == record.pid and process.create_time() > record.created - CLOCK_TOLERANCE
    except (psutil.Error, OSError):
        return False


def _with_children(processes: Iterable[psutil.Process]) -> Iterable[psutil.Process]:
    for process in processes:
        yield process
        with suppress(psutil.Error):
            yield from process.children(recursive=True)


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            send(process)


def _wait(condition: Callable[[], bool], timeout: float) -> None:
    """Wait until ``condition`` is true or ``timeout`` seconds have passed."""
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def _fingerprint(command: Sequence[str | Path], environment: Mapping[str, str], settings: str) -> str:
    """A digest of how a daemon is started, which reveals no secret."""
    text = json.dumps([[str(part) for part in command], sorted(environment.items()), settings])
    return hashlib.sha256(text.encode()).hexdigest()
