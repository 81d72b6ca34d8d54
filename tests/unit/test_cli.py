"""The command line without a stack: help, arguments that are wrong, and errors in plain words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from command import run_command
from telemetry.cli.output import print_json, print_table, printable

COMMANDS = [
    "up", "down", "reset", "env", "logs", "doctor", "status", "simulate", "replay", "run", "backfill", "loads",
    "migrate", "quality", "reconciliations", "demo", "package", "deploy", "cost", "stream", "quarantine", "dlq",
]  # fmt: skip
HEAVY = {"airflow", "boto3", "httpx", "pandas", "paho", "psutil", "psycopg2", "pyarrow", "pydantic", "yaml"}


@pytest.fixture(autouse=True)
def no_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TELEMETRY_STATE", str(tmp_path / "state"))
    for name in ("TELEMETRY_RAW_BUCKET", "AWS_ENDPOINT_URL", "TELEMETRY_AIRFLOW_URL", "TELEMETRY_MQTT_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    ended = run_command(capsys, "--help")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.split("Commands:")[1].strip().splitlines()] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    ended = run_command(capsys, command, "--help")
    assert ended.code == 0
    assert "Usage:" in ended.out


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from telemetry.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(printed.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("env",),
        ("loads", "--json"),
        ("quarantine", "list"),
        ("quarantine", "show", "1"),
        ("quarantine", "replay"),
        ("dlq", "list"),
        ("dlq", "redrive", "--json"),
        ("migrate",),
        ("quality", "--day", "2020-07-13"),
        ("reconciliations", "--json"),
        ("simulate",),
        ("simulate", "--days", "2"),
        ("run", "telemetry", "--queue"),
        ("backfill", "telemetry", "--from", "2020-07-13", "--to", "2020-07-13"),
        ("demo",),
        ("stream", "new", "soil", "--topic", "field/+/soil"),
    ],
    ids=" ".join,
)
def test_commands_without_a_stack_say_so(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    ended = run_command(capsys, *arguments)
    assert ended.code == 1
    assert "telemetry up" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("backfill", "telemetry", "--from", "2020-13-01", "--to", "2020-07-13"), "'2020-13-01' is not a valid day"),
        (("backfill", "telemetry", "--from", "yesterday", "--to", "2020-07-13"), "'yesterday' is not a valid day"),
        (("run", "telemetry", "--hour", "2020-07-13"), "'2020-07-13' is not a valid hour"),
        (("run", "telemetry", "--day", "13.7.2020"), "'13.7.2020' is not a valid day"),
        (("run", "telemetry"), "one of --hour, --day and --queue"),
        (("run", "telemetry", "--queue", "--day", "2020-07-13"), "one of --hour, --day and --queue"),
        (("simulate", "--late", "many"), "'many' is not a valid rate"),
        (("simulate", "--malformed", "101%"), "'101%' is not a valid rate"),
        (("simulate", "--messages", "0"), "--messages"),
        (("simulate", "--messages", "9" * 400), "--messages"),
        (("simulate", "--devices", "1000000000"), "--devices"),
        (("simulate", "--days", "1000000"), "--days"),
        (("simulate", "--rate", "1e-300"), "'1e-300' is not a valid number of messages per second"),
        (("simulate", "--rate", "nan"), "'nan' is not a valid number of messages per second"),
        (
            ("replay", "a.json", "--stream", "telemetry", "--rate", "-1"),
            "'-1' is not a valid number of messages per second",
        ),
        (("quarantine", "list", "--reason", "sad"), "'sad' is not a reason"),
        (("quarantine", "replay", "--reason", "sad"), "'sad' is not a reason"),
        (("dlq", "list", "--limit", "0"), "--limit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_arguments_are_named(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str) -> None:
    ended = run_command(capsys, *arguments)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "--stream", "vibration"),
        ("replay", "a.json", "--stream", "vibration"),
        ("stream", "show", "vibration"),
        ("run", "vibration", "--queue"),
        ("backfill", "vibration", "--from", "2020-07-13", "--to", "2020-07-13"),
        ("loads", "--stream", "vibration"),
        ("quarantine", "list", "--stream", "vibration"),
        ("quarantine", "replay", "--stream", "vibration"),
        ("dlq", "list", "--stream", "vibration"),
        ("dlq", "redrive", "--stream", "vibration"),
    ],
    ids=" ".join,
)
def test_an_unknown_stream_is_named(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    ended = run_command(capsys, *arguments)
    assert ended.code == 1
    assert "There is no stream 'vibration'" in ended.err
    assert "Streams: environment, telemetry" in ended.err


def test_rates_above_one_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    ended = run_command(capsys, "simulate", "--late", "60%", "--malformed", "0.6")
    assert ended.code == 1
    assert "rates" in ended.err


def test_a_file_that_is_not_json_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text('{"device_id": "a"}\nDear all,\n')
    ended = run_command(capsys, "replay", str(file), "--stream", "telemetry")
    assert ended.code == 1
    assert f"Error: {file}:2: not JSON" in ended.err


def test_logs_of_an_unknown_service(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ended = run_command(capsys, "logs", "emulator")
    assert ended.code == 1
    assert "never started" in ended.err
    logs = tmp_path / "state" / "logs"
    logs.mkdir()
    (logs / "postgres.log").write_text("1\n2\n3\n")
    ended = run_command(capsys, "logs", "../secrets/airflow-admin")
    assert ended.code == 1
    assert "Logs: postgres." in ended.err
    assert run_command(capsys, "logs", "postgres", "--lines", "2").out == "2\n3\n"


def test_a_reset_needs_a_confirmation(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    ended = run_command(capsys, "reset")
    assert ended.code == 1
    assert "--yes" in ended.err


def test_json_has_times_bytes_and_letters(capsys: pytest.CaptureFixture[str]) -> None:
    from datetime import UTC, datetime

    print_json({"at": datetime(2026, 3, 1, tzinfo=UTC), "raw": b"\xff\x00ok", "unit": "°C"})
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-03-01T00:00:00+00:00",
        "raw": "\\xff\x00ok",
        "unit": "°C",
    }


def test_control_characters_of_a_message_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert printable("a\x1b[31m\n[red]é") == "a\\x1b[31m\\n[red]é"
    print_table("Rows", [{"text": "\x1b]0;title\x07[bold]"}], ["text"])
    assert "\x1b" not in capsys.readouterr().out
