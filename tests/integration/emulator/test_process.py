"""The launcher: what it refuses, where it listens, what it shows to functions, what survives a stop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulated import INTERPRETER, LAUNCHER, REGION, ROLE, Device, Emulator, until


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Emulator]:
    """An emulator of the test's own, not started."""
    emulator = Emulator(tmp_path / "data")
    yield emulator
    if emulator.process.poll() is None:
        emulator.stop()


def test_another_version_is_refused_in_plain_words(tmp_path: Path) -> None:
    information = tmp_path / "ministack-9.9.9.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n")
    refused = subprocess.run(
        Emulator(tmp_path / "data").command(),
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == "ministack 9.9.9 found, 1.5.33 needed: run make setup\n"


def test_a_taken_port_and_a_folder_that_cannot_be_written_are_refused(emulator: Emulator, tmp_path: Path) -> None:
    taken = Emulator(tmp_path / "data", port=emulator.port)
    refused = subprocess.run(taken.command(), capture_output=True, text=True, check=False)
    assert (refused.returncode, f"port {emulator.port}" in refused.stderr) == (4, True)
    (tmp_path / "file").touch()
    nowhere = Emulator(tmp_path / "file" / "data")
    refused = subprocess.run(nowhere.command(), capture_output=True, text=True, check=False)
    assert (refused.returncode, str(nowhere.data) in refused.stderr) == (5, True)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_loopback_only(emulator: Emulator, device: Device) -> None:
    sockets = {str(entry.readlink()) for entry in Path(f"/proc/{emulator.process.pid}/fd").iterdir()}
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{emulator.process.pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address, port = fields[1].split(":")
                listening.add((address, int(port, 16)))
    assert listening == {("0100007F", emulator.port), ("0100007F", emulator.mqtt_port)}


LOOK = """
import importlib, json, os, sys

def handler(event, context):
    import botocore.session
    found = []
    for name in ("telemetry", "launcher", "firehose", "server", "emulator"):
        try:
            found.append(importlib.import_module(name).__name__)
        except ImportError:
            pass
    client = botocore.session.Session().create_client("s3")
    client.put_object(Bucket=event["bucket"], Key="from/a/function", Body=b"x", IfNoneMatch="*")
    return {"found": found, "python": sys.executable, "environment": dict(os.environ)}
"""


def test_a_function_sees_its_own_zip_and_reaches_the_apis(emulator: Emulator) -> None:
    bucket = emulator.bucket()
    function = emulator.function(LOOK, Environment={"Variables": {"OWN": "value"}})
    seen = emulator.invoke(function, {"bucket": bucket})
    assert seen["found"] == []
    assert Path(seen["python"]).parent == INTERPRETER.parent
    assert seen["environment"]["OWN"] == "value"
    assert seen["environment"]["AWS_ENDPOINT_URL"] == emulator.url
    assert seen["environment"]["AWS_REGION"] == REGION
    assert not {name for name in seen["environment"] if name.startswith(("PYTHONPATH", "TELEMETRY", "VIRTUAL_ENV"))}
    assert emulator.keys(bucket) == ["from/a/function"]


SLEEP = "import time\ndef handler(event, context):\n    time.sleep(300)"


def test_a_clean_stop_delivers_the_buffers_and_keeps_everything(own: Emulator) -> None:
    own.start()
    bucket, queue, device = own.bucket(), own.queue(), own.device()
    stream = own.delivery_stream(bucket, seconds=900)
    rule = own.rule(
        "kept/+",
        [
            {"firehose": {"deliveryStreamName": stream, "separator": "\n", "roleArn": ROLE}},
            {"sqs": {"queueUrl": queue, "roleArn": ROLE}},
        ],
    )
    layer = own.layer("def double(number):\n    return 2 * number")
    function = own.function("import layered\ndef handler(event, _):\n    return layered.double(event)", Layers=[layer])
    machine = own.state_machine({"Pass": {"Type": "Pass", "End": True}})
    done = own.execute(machine, {"a": 1})
    topic = own.client("sns").create_topic(Name="kept")["TopicArn"]
    own.client("secretsmanager").create_secret(Name="kept", SecretString="secret")
    waiting = own.state_machine({"Sleep": {"Type": "Task", "Resource": own.function(SLEEP), "End": True}})
    unfinished = own.client("stepfunctions").start_execution(stateMachineArn=waiting)["executionArn"]
    device.publish("kept/x", b"1", b"2")
    lost = own.delivery_stream("no-such-bucket", seconds=900)
    own.client("firehose").put_record(DeliveryStreamName=lost, Record={"Data": b"later\n"})
    device.close()
    assert own.stop() == 0

    own.start()
    (key,) = own.keys(bucket)
    assert own.content(bucket, key) == b"1\n2\n"
    assert own.metric("AWS/IoT", "TopicMatch", RuleName=rule) == 2
    assert own.metric("AWS/Firehose", "DeliveryToS3.Records", DeliveryStreamName=stream) == 2
    device.connect()
    device.publish("kept/x", b"3")
    device.close()
    assert own.messages(queue) == ["1", "2", "3"]
    assert own.metric("AWS/IoT", "TopicMatch", RuleName=rule) == 3
    assert own.invoke(function, 21) == 42
    assert own.client("stepfunctions").describe_execution(executionArn=done["executionArn"])["status"] == "SUCCEEDED"
    assert own.client("stepfunctions").describe_execution(executionArn=unfinished)["status"] == "RUNNING"
    assert own.execute(machine, {})["status"] == "SUCCEEDED"
    assert own.client("sns").list_topics()["Topics"] == [{"TopicArn": topic}]
    assert own.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"] == "secret"
    own.client("s3").create_bucket(Bucket="no-such-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    (key,) = until(lambda: own.keys("no-such-bucket"), "the record kept over the stop")
    assert own.content("no-such-bucket", key) == b"later\n"


def test_everything_it_writes_is_in_its_folder_for_its_owner_alone(own: Emulator) -> None:
    own.start()
    own.client("secretsmanager").create_secret(Name="kept", SecretString="secret")
    own.invoke(own.function("def handler(event, context):\n    return 1"))
    assert own.stop() == 0
    written = [path for path in own.data.rglob("*") if path.is_file()]
    assert own.data / "state" / "secretsmanager.json" in written
    assert not [path for path in written if path.stat().st_mode & 0o077]


def test_help_says_how_it_is_used() -> None:
    told = subprocess.run([INTERPRETER, LAUNCHER, "--help"], capture_output=True, text=True, check=True)
    assert all(option in told.stdout for option in ("--port", "--mqtt-port", "--data", "--region"))
