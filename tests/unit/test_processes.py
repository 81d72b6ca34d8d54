"""Daemons: started once, told apart from strangers, stopped with all their children."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from telemetry.errors import TelemetryError
from telemetry.local.host.processes import PROCESSES, Daemon, base_environment, is_alive
from telemetry.local.host.state import State
from telemetry.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
# Python leaves SIGINT ignored where it was ignored already: in a script's background, say.
INTERRUPTIBLE = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "print('ready', flush=True); time.sleep(60)",
]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
]
# A child in its own process group, as tasks of Airflow are, that does not hear what the parent hears.
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], process_group=0)\n"
    "print('ready', flush=True); time.sleep(60)",
]


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


@pytest.fixture
def daemon(state: State) -> Iterator[Daemon]:
    daemon = Daemon(state, "sleeper")
    yield daemon
    daemon.stop(grace=0)


def start(daemon: Daemon, command: list[str], folder: Path, **environment: str) -> psutil.Process:
    daemon.start(command, base_environment() | environment, folder=folder)
    wait_until(lambda: "ready" in daemon.tail(), what="the daemon to be ready", timeout=60, interval=0.01)
    process = daemon.process()
    assert process
    return process


def test_a_daemon_outlives_its_starter_in_a_session_of_its_own(daemon: Daemon, tmp_path: Path) -> None:
    process = start(daemon, SLEEP, tmp_path)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)


def test_a_daemon_gets_the_given_environment_and_no_other(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    process = start(daemon, SLEEP, tmp_path, ANSWER="42")
    assert process.environ() == base_environment() | {"ANSWER": "42"}


def test_the_log_is_for_its_owner_and_is_appended_to(daemon: Daemon, tmp_path: Path) -> None:
    for word in ("one", "two"):
        daemon.start([sys.executable, "-c", f"print('{word}')"], base_environment(), folder=tmp_path)
        daemon.finish(timeout=60)
    assert daemon.tail().split() == ["one", "two"]
    assert stat.S_IMODE(daemon.log.stat().st_mode) == 0o600


def test_starting_again_leaves_the_same_process_alone(daemon: Daemon, state: State, tmp_path: Path) -> None:
    process = start(daemon, SLEEP, tmp_path)
    assert start(Daemon(state, daemon.name), SLEEP, tmp_path) == process


def test_another_environment_replaces_the_process(daemon: Daemon, tmp_path: Path) -> None:
    process = start(daemon, SLEEP, tmp_path)
    assert start(daemon, SLEEP, tmp_path, PORT="1") != process
    assert not is_alive(process)


def test_stop_ends_children_that_left_the_process_group(daemon: Daemon, tmp_path: Path) -> None:
    start(daemon, PARENT, tmp_path)
    family = daemon.family()
    daemon.stop()
    assert len(family) == 2
    assert not any(is_alive(process) for process in family)


def test_stop_ends_orphans_of_a_killed_daemon(daemon: Daemon, state: State, tmp_path: Path) -> None:
    process = start(daemon, PARENT, tmp_path)
    (orphan,) = process.children()
    process.kill()
    wait_until(lambda: not daemon.is_running(), what="the kill", timeout=60, interval=0.01)
    assert is_alive(orphan)
    Daemon(state, daemon.name).stop()
    assert not is_alive(orphan)


def test_a_daemon_that_ignores_the_signal_is_killed(daemon: Daemon, tmp_path: Path) -> None:
    process = start(daemon, STUBBORN, tmp_path)
    daemon.stop(grace=0.1)
    assert not is_alive(process)


def test_stop_twice_is_harmless(daemon: Daemon, tmp_path: Path) -> None:
    start(daemon, SLEEP, tmp_path)
    daemon.stop()
    daemon.stop()


def test_a_foreign_process_with_the_recorded_pid_is_left_alone(daemon: Daemon, state: State) -> None:
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        state.write(PROCESSES, {daemon.name: {"pid": stranger.pid, "created": 1.0, "fingerprint": ""}})
        assert not daemon.is_running()
        daemon.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_daemons_end_is_reported_with_its_exit_code_and_last_log_lines(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start([sys.executable, "-c", "raise SystemExit('no disk')"], base_environment(), folder=tmp_path)
    wait_until(lambda: not daemon.is_running(), what="the end", timeout=60, interval=0.01)
    with pytest.raises(TelemetryError, match=r"sleeper ended with code 1; the last lines of its log:\nno disk"):
        daemon.check()


def test_finish_waits_for_a_job_and_raises_its_failure(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start([sys.executable, "-c", ""], base_environment(), folder=tmp_path)
    daemon.finish(timeout=60)
    daemon.start([sys.executable, "-c", "raise SystemExit(3)"], base_environment(), folder=tmp_path)
    with pytest.raises(TelemetryError, match="ended with code 3"):
        daemon.finish(timeout=60)


def test_a_missing_command_is_an_error(daemon: Daemon, tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="sleeper cannot be started"):
        daemon.start([tmp_path / "missing"], base_environment(), folder=tmp_path)


def test_each_daemon_has_its_own_stop_signal(state: State, tmp_path: Path) -> None:
    daemon = Daemon(state, "interrupted", stop_signal=signal.SIGINT)
    start(daemon, INTERRUPTIBLE, tmp_path)
    daemon.stop()
    assert "KeyboardInterrupt" in daemon.tail()
