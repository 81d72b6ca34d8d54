"""What a person gets wrong, or a machine does: a clear message, a code other than 0, and a next `up` that works."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from listening import listening
from stack import PROJECT, Stack

FAULTY_ARGUMENTS = [
    (["backfill", "nosuch", "--from", "2020-07-13", "--to", "2020-07-13"], "nosuch"),
    (["backfill", "telemetry", "--from", "2020-07-32", "--to", "2020-07-13"], "2020-07-32"),
    (["backfill", "telemetry", "--from", "2020-07-14", "--to", "2020-07-13"], "2020-07-14"),
    (["run", "telemetry", "--hour", "yesterday"], "yesterday"),
    (["replay", "nosuch.json", "--stream", "telemetry"], "nosuch.json"),
    (["logs", "nosuch"], "nosuch"),
]


@pytest.mark.parametrize(("arguments", "named"), FAULTY_ARGUMENTS, ids=lambda value: str(value))
def test_faulty_arguments_are_named(stack: Stack, arguments: list[str], named: str) -> None:
    done = stack.run(*arguments, check=False)
    assert done.returncode != 0
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_json_is_named_with_its_line(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "messages.json"
    file.write_text('[{"device_id": "a"},\n{"device_id" "b"}]')
    done = stack.run("replay", str(file), "--stream", "telemetry", check=False)
    assert done.returncode != 0
    assert "messages.json" in done.stderr
    assert "line 2" in done.stderr or ":2" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_contract_is_named_with_file_line_and_field(stack: Stack) -> None:
    contract = stack.folder / "include" / "streams" / "broken.yaml"
    contract.write_text(
        "stream: broken\ntopic: a/+\ndevice: {path: d}\nevent_time: {path: t, format: sundial}\nfields: {}\n"
    )
    try:
        done = stack.run("up", check=False)
    finally:
        contract.unlink()
    assert done.returncode != 0
    assert "broken.yaml:4: event_time.format" in done.stderr
    stack.run("up")


def test_an_unwritable_state_folder_is_named(stack: Stack, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file, where a folder should be")
    done = stack.run("up", check=False, TELEMETRY_STATE=str(blocked / "state"))
    assert done.returncode != 0
    assert str(blocked) in done.stderr
    assert "TELEMETRY_STATE" in done.stderr


def test_a_taken_port_is_named_and_left_alone(tmp_path: Path, stack: Stack) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (state / "ports.json").write_text(json.dumps({"postgres": port}))
        done = stack.run("up", check=False, TELEMETRY_STATE=str(state))
        stack.run("reset", "--yes", TELEMETRY_STATE=str(state))
    assert done.returncode != 0
    assert str(port) in done.stderr


def test_without_a_suitable_python_setup_says_what_to_install(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    done = subprocess.run(
        ["/bin/sh", str(PROJECT / "scripts" / "find_python.sh")],
        env={"PATH": str(tools), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13" in done.stderr
    assert "Install" in done.stderr


def test_a_killed_service_is_reported_and_restarted_by_the_next_up(stack: Stack) -> None:
    """The command line's view; tests/integration/test_stack.py kills three services at once."""
    service = "emulator"
    pid = stack.pids()[service]
    psutil.Process(pid).kill()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=60)
    done = stack.run("status", check=False)
    assert done.returncode != 0
    assert service in done.stdout + done.stderr
    stack.up()
    assert stack.run("status").returncode == 0


def test_nothing_listens_beyond_the_loopback_and_down_ends_everything(stack: Stack) -> None:
    pids = set(stack.pids().values())
    daemons = [psutil.Process(pid) for pid in pids]
    family = [process for daemon in daemons for process in (daemon, *daemon.children(recursive=True))]
    addresses = [address for address, _ in listening(family)]
    assert len(addresses) >= 4
    assert set(addresses) <= {"127.0.0.1", "::1"}

    stack.run("down")
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    stack.up()
