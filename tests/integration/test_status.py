"""Commands where a part of the stack is down or not needed, or the shell's environment is of another stack."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import run_command
from telemetry.aws.queues import queue_url
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_stream, load_streams
from telemetry.devices.mqtt import Broker, publish
from telemetry.local import stack as local_stack
from telemetry.local.host.state import State
from telemetry.local.provision.deployment import REGION, LocalDeployment
from telemetry.local.provision.device import provision_device
from telemetry.local.provision.lake import provision_buckets, provision_secret
from telemetry.local.provision.queues import provision_queues
from telemetry.local.services.emulator import Emulator
from telemetry.local.services.postgres import Postgres
from telemetry.warehouse.migrate import migrate

CAPTURE = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDeployment]:
    """A stack as it is when nothing of Airflow runs."""
    state = State(tmp_path_factory.mktemp("stack"))
    postgres, emulator = Postgres(state), Emulator(state, REGION)
    try:
        postgres.start()
        emulator.start()
        local = LocalDeployment(emulator.url, load_settings(), load_streams())
        connection = postgres.login().connect()
        migrate(connection, local.streams)
        connection.close()
        provision_buckets(local)
        provision_secret(local, postgres.login())
        provision_queues(local)
        provision_device(local, state)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TELEMETRY_STATE", str(state.folder))
            yield local
    finally:
        emulator.stop()
        postgres.stop()
        postgres.remove()


@pytest.fixture(autouse=True)
def clean_environment(local: LocalDeployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a shell that knows of no stack; what commands set is taken back."""
    folder = os.environ["TELEMETRY_STATE"]
    for name in local_stack.environment():
        monkeypatch.setenv(name, "")  # what was set before the test comes back after it
        monkeypatch.delenv(name)
    monkeypatch.setenv("TELEMETRY_STATE", folder)


def test_status_without_airflow_has_the_services_and_the_accounts(capsys: CAPTURE) -> None:
    ended = run_command(capsys, "status", "--json")
    told = json.loads(ended.out)
    assert ended.code == 1
    assert told["services"]["emulator"] == told["services"]["postgres"] == "healthy"
    assert told["services"]["airflow-api-server"] == "not running"
    assert told["streams"].keys() == load_streams().keys()
    assert told["unknown"] is None
    assert "Services that are not healthy: airflow-" in ended.err
    ended = run_command(capsys, "status")
    assert ended.out.index("Services") < ended.out.index("Messages by stream and lane")


@pytest.mark.parametrize(
    "arguments",
    [("loads",), ("quarantine", "list"), ("quality",), ("reconciliations",), ("dlq", "list"), ("dlq", "redrive")],
    ids=" ".join,
)
def test_commands_that_do_not_need_airflow_work_without_it(capsys: CAPTURE, arguments: tuple[str, ...]) -> None:
    ended = run_command(capsys, *arguments, "--json")
    assert (ended.code, ended.err.count("Error")) == (0, 0), ended
    json.loads(ended.out)


def test_commands_that_need_the_whole_stack_name_the_stopped_service(capsys: CAPTURE) -> None:
    ended = run_command(capsys, "env")
    assert (ended.code, ended.out) == (1, "")
    assert "Part of the stack is not running: airflow." in ended.err


def test_status_reports_what_it_could_not_read(local: LocalDeployment, capsys: CAPTURE) -> None:
    dead = local.settings.names.dead_letter_queue("telemetry")
    local.client("sqs").delete_queue(QueueUrl=queue_url(local.client("sqs"), dead))
    try:
        told = json.loads((ended := run_command(capsys, "status", "--json")).out)
        assert (ended.code, told["streams"]) == (1, {})
        assert told["services"]["postgres"] == "healthy"
        assert told["unknown"] in ended.err
        assert f"Messages could not be counted: There is no queue {dead}." in ended.err
        assert "healthy" in run_command(capsys, "status").out
    finally:
        provision_queues(local)


def test_status_without_the_emulator_has_the_services(local: LocalDeployment, capsys: CAPTURE) -> None:
    emulator = Emulator(State(Path(os.environ["TELEMETRY_STATE"])), REGION)
    emulator.stop()
    try:
        told = json.loads((ended := run_command(capsys, "status", "--json")).out)
        assert (ended.code, told["streams"]) == (1, {})
        assert (told["services"]["emulator"], told["services"]["postgres"]) == ("not running", "healthy")
        assert told["unknown"] == "Messages could not be counted without emulator."
        assert "Part of the stack is not running: emulator." in run_command(capsys, "loads").err
        assert "Part of the stack is not running: emulator." in run_command(capsys, "dlq", "list").err
    finally:
        emulator.start()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://localhost:9"])
def test_the_environment_of_another_stack_is_refused(
    local: LocalDeployment, capsys: CAPTURE, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    """As `eval "$(telemetry env)"`, `telemetry reset` and `telemetry up` leave it."""
    for name, value in local_stack.environment().items():
        monkeypatch.setenv(name, value)
    assert run_command(capsys, "loads", "--json").code == 0
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for arguments in (("loads",), ("dlq", "list"), ("quarantine", "list")):
        ended = run_command(capsys, *arguments)
        assert (ended.code, ended.out) == (1, "")
        assert f"AWS_ENDPOINT_URL is {endpoint}, the local stack has {local.endpoint}." in ended.err
        assert 'Run `eval "$(telemetry env)"` again.' in ended.err
    told = json.loads((ended := run_command(capsys, "status", "--json")).out)
    assert (ended.code, told["services"]["postgres"], told["streams"]) == (1, "healthy", {})


def test_messages_on_topics_that_no_stream_takes_are_told(capsys: CAPTURE) -> None:
    quiet = json.loads(run_command(capsys, "status", "--json").out)["unmatched"]
    assert (quiet["messages"], quiet["topics"]) == (0, [])
    assert "no stream takes" not in run_command(capsys, "status").out
    broker = Broker.from_environment(local_stack.environment())
    publish(broker, [("greenhouse/7/soil", b"{}"), ("greenhouse/7/soil", b"{}"), ("greenhouse/8/soil", b"{}")])
    ended = run_command(capsys, "status", "--json")
    told = json.loads(ended.out)["unmatched"]
    assert told["messages"] == 3
    assert [(one["topic"], one["messages"]) for one in told["topics"]] == [
        ("greenhouse/8/soil", 1),
        ("greenhouse/7/soil", 2),
    ]
    assert "unaccounted" not in ended.err, "they are no fault"
    said = run_command(capsys, "status").out
    assert "at least 3 messages came on topics that no stream takes" in said
    assert "greenhouse/7/soil" in said


def test_a_stream_is_drafted_of_what_is_heard(local: LocalDeployment, capsys: CAPTURE, tmp_path: Path) -> None:
    """Of a message that was retained, so that nothing has to come just now."""
    payload = b'{"at": "2026-11-28T12:00:00Z", "id": "b-1", "temperature": 20.5}'
    local.client("iot-data").publish(topic="boiler/b-1/state", payload=payload, qos=1, retain=True)
    path = tmp_path / "boiler.yaml"
    listening = ("--topic", "boiler/b-1/state", "--seconds", "1", "--yes", "--output", str(path))
    ended = run_command(capsys, "stream", "new", "boiler", *listening)
    assert ended.code == 0, ended
    assert "from 1 messages" in ended.out
    assert load_stream(path).fields["temperature"].path == "temperature"
    ended = run_command(
        capsys, "stream", "new", "silent", "--topic", "silent/+", *listening[2:5], "-o", f"{tmp_path}/silent.yaml"
    )
    assert (ended.code, "No message came on silent/+ within 1 s." in ended.err) == (1, True)
