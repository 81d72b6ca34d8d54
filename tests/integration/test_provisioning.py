"""Provisioning a real emulator: everything is there, works, and stays as it is the second time."""

from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.devices.mqtt import Broker, publish
from telemetry.lake.envelopes import envelope_of, open_envelope
from telemetry.local.host.state import State
from telemetry.local.provision.deployment import REGION, LocalDeployment
from telemetry.local.provision.device import LISTENER, THING, Certificates, provision_device
from telemetry.local.provision.functions import emulator_python, function_names
from telemetry.local.provision.provision import provision
from telemetry.local.services.emulator import Emulator
from telemetry.local.services.postgres import Login
from telemetry.packaging.layer import Target, layer_zip
from telemetry.waiting import wait_until

WAREHOUSE = Login("127.0.0.1", 1, "telemetry", "telemetry", "not-a-secret")
STREAMS = load_streams()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> State:
    return State(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def emulator(state: State) -> Iterator[Emulator]:
    emulator = Emulator(state, REGION)
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture(scope="module")
def layer() -> Path:
    return layer_zip(Target(emulator_python()))


@pytest.fixture(scope="module")
def local(emulator: Emulator, state: State, layer: Path) -> LocalDeployment:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELEMETRY_FIREHOSE_BUFFER_SECONDS", "1")
        local = LocalDeployment(emulator.url, load_settings(), STREAMS)
        provision(local, state, WAREHOUSE, lambda: layer, emulator_python())
    return local


@pytest.fixture(autouse=True)
def _short_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMETRY_FIREHOSE_BUFFER_SECONDS", "1")


def again(local: LocalDeployment, state: State, layer: Path, **changes: Any) -> list[str]:
    """What provisioning the same emulator again changes, with another setting or stream."""
    local = replace(local, changes=[], **changes)
    return provision(local, state, WAREHOUSE, lambda: layer, emulator_python())


def test_a_second_provisioning_changes_nothing(local: LocalDeployment, state: State, layer: Path) -> None:
    assert len(local.changes) > 30
    assert again(local, state, layer) == []


def test_a_changed_setting_changes_only_its_resources(local: LocalDeployment, state: State, layer: Path) -> None:
    queue = local.settings.queue.model_copy(update={"visibility_timeout_seconds": 77})
    functions = local.settings.functions
    loading = functions.data_loading.model_copy(update={"memory_megabytes": 2048})
    functions = functions.model_copy(update={"data_loading": loading})
    changes = again(
        local, state, layer, settings=local.settings.model_copy(update={"queue": queue, "functions": functions})
    )
    queues = [f"queue {local.settings.names.queue(stream)}: VisibilityTimeout changed" for stream in STREAMS]
    assert changes == [*queues, f"function {loading.name}: configuration changed"]
    assert len(again(local, state, layer)) == len(changes), "and back"


def test_the_simulator_is_switched_by_its_setting(local: LocalDeployment, state: State, layer: Path) -> None:
    events = local.client("events")
    on = local.settings.model_copy(update={"simulator": local.settings.simulator.model_copy(update={"enabled": True})})
    assert events.describe_rule(Name="iot-device-simulator")["State"] == "DISABLED"
    assert again(local, state, layer, settings=on) == ["schedule iot-device-simulator: changed"]
    assert events.describe_rule(Name="iot-device-simulator")["State"] == "ENABLED"
    again(local, state, layer)
    assert events.describe_rule(Name="iot-device-simulator")["State"] == "DISABLED"


def test_a_new_stream_gets_its_resources_and_leaves_the_others_alone(
    local: LocalDeployment, state: State, layer: Path
) -> None:
    third = STREAMS["telemetry"].model_copy(update={"stream": "water_level", "topic": "devices/+/water"})
    changes = again(local, state, layer, streams=STREAMS | {"water_level": third})
    assert changes
    assert all("water" in change or change == "policy telemetry-gateway: changed" for change in changes)

    told: list[str] = []
    assert again(local, state, layer, progress=told.append) == ["policy telemetry-gateway: changed"]
    assert any("water_level has no contract any more" in line for line in told)
    assert local.client("sqs").get_queue_url(QueueName="iot-water-level-etl-data-queue")


def test_buckets_are_versioned_and_closed(local: LocalDeployment) -> None:
    s3 = local.client("s3")
    for bucket in ("iot-raw-lake", "iot-processed", "iot-artefacts"):
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())


def test_the_private_key_is_readable_by_its_owner_only(local: LocalDeployment, state: State) -> None:
    files = Certificates.of(state)
    for path in (files.authority, files.certificate, files.key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("stream", STREAMS.values(), ids=list(STREAMS))
def test_a_published_message_reaches_both_lanes(
    local: LocalDeployment, state: State, emulator: Emulator, stream: Stream
) -> None:
    files = Certificates.of(state)
    broker = Broker("127.0.0.1", emulator.mqtt_port, files.authority, files.certificate, files.key)
    payload = json.dumps({"device_id": "a", "n": 1}).encode()
    assert publish(broker, [(stream.topic_of("a"), payload)]) == 1

    sqs, s3 = local.client("sqs"), local.client("s3")
    url = sqs.get_queue_url(QueueName=local.settings.names.queue(stream.stream))["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    envelope = envelope_of(json.loads(messages[0]["Body"]))
    assert envelope is not None
    assert open_envelope(envelope) == payload

    prefix = f"raw-data/{stream.stream}/year="
    listed = wait_until(
        lambda: s3.list_objects_v2(Bucket="iot-raw-lake", Prefix=prefix).get("Contents"),
        what="Firehose's object",
        timeout=60,
    )
    body = s3.get_object(Bucket="iot-raw-lake", Key=listed[0]["Key"])["Body"].read()
    assert [envelope_of(json.loads(line)) for line in gzip.decompress(body).splitlines()] == [envelope]


def test_the_certificate_may_publish_on_the_streams_topics_only(local: LocalDeployment) -> None:
    policy = json.loads(local.client("iot").get_policy(policyName="telemetry-gateway")["policyDocument"])
    assert all("*" not in statement["Action"] for statement in policy["Statement"])
    topics = {resource.rsplit(":topic/", 1)[1] for resource in policy["Statement"][1]["Resource"]}
    assert topics == {stream.topic_of("*") for stream in STREAMS.values()}


def test_the_gateway_may_listen_and_publish(local: LocalDeployment, state: State, layer: Path) -> None:
    iot = local.client("iot")
    certificate = iot.describe_certificate(certificateId=state.read("device")["certificate"])["certificateDescription"]
    target = certificate["certificateArn"]
    assert {one["policyName"] for one in iot.list_attached_policies(target=target)["policies"]} == {THING, LISTENER}
    policy = json.loads(iot.get_policy(policyName=LISTENER)["policyDocument"])
    assert [one["Action"] for one in policy["Statement"]] == ["iot:Subscribe", "iot:Receive"]
    iot.detach_policy(policyName=LISTENER, target=target)
    assert again(local, state, layer) == [f"policy {LISTENER}: attached"], "as for a stack of an earlier version"


@pytest.mark.parametrize("topic", ["plant/+/+/soil", "plant/#"])
def test_the_gateway_may_publish_on_every_topic_of_a_filter(
    local: LocalDeployment, state: State, layer: Path, topic: str
) -> None:
    levels = "_/device/_/_" if topic.endswith("soil") else None
    stream = STREAMS["telemetry"].model_copy(update={"topic": topic, "levels": levels})
    provision_device(replace(local, changes=[], streams={"telemetry": stream}), state)
    policy = json.loads(local.client("iot").get_policy(policyName=THING)["policyDocument"])
    (resource,) = policy["Statement"][1]["Resource"]
    assert resource.endswith(f":topic/{topic.replace('+', '*').replace('#', '*')}")
    assert again(local, state, layer) == [f"policy {THING}: changed"]


def test_every_function_is_there_with_the_layer(local: LocalDeployment) -> None:
    functions = local.client("lambda")
    for name in function_names(local):
        found = functions.get_function_configuration(FunctionName=name)
        assert found["State"] == "Active"
        assert [layer["Arn"] for layer in found["Layers"]] == [local.arn("lambda", "layer:telemetry-dependencies:1")]


def test_a_lost_certificate_is_replaced(local: LocalDeployment, state: State, layer: Path) -> None:
    Certificates.of(state).key.unlink()
    attached = [f"policy {name}: attached" for name in (THING, LISTENER)]
    assert again(local, state, layer) == ["certificate of telemetry-gateway: created", *attached]


def test_functions_run_and_everything_outlives_a_restart(
    local: LocalDeployment, state: State, layer: Path, emulator: Emulator
) -> None:
    published = {"published": local.settings.simulator.devices}
    assert invoke(local, "DeviceSimulatorFunction") == published
    emulator.stop()
    emulator.start()
    assert again(local, state, layer) == []
    assert invoke(local, "DeviceSimulatorFunction") == published


def invoke(local: LocalDeployment, name: str) -> Any:
    answer = local.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body
