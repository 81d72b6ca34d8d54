"""An emulator of the tests' own: the launcher, started in a temporary folder by the emulator's interpreter."""

from __future__ import annotations

import gzip
import io
import json
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import paho.mqtt.client as mqtt
from botocore.config import Config
from paho.mqtt.enums import CallbackAPIVersion

PROJECT = Path(__file__).parents[1]
INTERPRETER = PROJECT / ".venv-emulator" / "bin" / "python"
LAUNCHER = PROJECT / "include" / "telemetry" / "local" / "emulator" / "launcher.py"
REGION = "eu-west-1"
ROLE = "arn:aws:iam::000000000000:role/test"

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, timeout: float = 60) -> T:
    """The first truthy value of ``condition``, or a failed test."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"timed out after {timeout:g} s waiting for {what}"
        time.sleep(0.05)
    return value


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def zipped(name: str, text: str) -> bytes:
    """A zip of one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, text)
    return packed.getvalue()


@dataclass
class Emulator:
    """The emulator with its data in ``data``; it may be stopped and started again."""

    data: Path
    port: int = field(default_factory=free_port)
    mqtt_port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self) -> list[str]:
        options = {"--port": self.port, "--mqtt-port": self.mqtt_port, "--data": self.data, "--region": REGION}
        given = [str(part) for pair in options.items() for part in pair]
        return [str(INTERPRETER), str(LAUNCHER), *given, *self.options]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.data.mkdir(exist_ok=True)
        self.begin()
        until(self.is_ready, "the emulator to be ready")

    def begin(self) -> None:
        """Start it, and do not wait."""
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "the emulator ended"
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/ready") as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> int:
        """A clean stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        """End it without warning."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """End it without warning, and start it again."""
        self.kill()
        self.start()

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(inject_host_prefix=False, s3={"addressing_style": "path"}),
        )

    # What the tests make

    def bucket(self) -> str:
        name = unique("bucket")
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def queue(self, **attributes: str) -> str:
        return str(self.client("sqs").create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"])

    def delivery_stream(self, bucket: str, seconds: int = 1, mebibytes: int = 5, **config: Any) -> str:
        """A delivery stream that writes gzip objects by the hour of arrival."""
        name = unique("stream")
        self.client("firehose").create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={
                "RoleARN": ROLE,
                "BucketARN": f"arn:aws:s3:::{bucket}",
                "Prefix": "raw/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/",
                "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
                "BufferingHints": {"IntervalInSeconds": seconds, "SizeInMBs": mebibytes},
                "CompressionFormat": "GZIP",
                **config,
            },
        )
        return name

    def rule(self, topic: str, actions: Iterable[dict[str, Any]], **more: Any) -> str:
        name = unique("rule").replace("-", "_")
        payload = {"sql": f"SELECT * FROM '{topic}'", "actions": list(actions), **more}
        self.client("iot").create_topic_rule(ruleName=name, topicRulePayload=payload)
        return name

    def function(self, code: str, **more: Any) -> str:
        """A function of one file, ``handler.py`` with ``handler``."""
        made = self.client("lambda").create_function(
            FunctionName=unique("function"),
            Runtime="python3.12",
            Role=ROLE,
            Handler="handler.handler",
            Timeout=20,
            Code={"ZipFile": zipped("handler.py", code)},
            **more,
        )
        return str(made["FunctionArn"])

    def layer(self, code: str) -> str:
        """A layer of one module, ``layered``."""
        content = {"ZipFile": zipped("python/layered.py", code)}
        made = self.client("lambda").publish_layer_version(LayerName=unique("layer"), Content=content)
        return str(made["LayerVersionArn"])

    def invoke(self, function: str, event: Any = None) -> Any:
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    def state_machine(self, states: dict[str, Any]) -> str:
        """A state machine that starts at the first of ``states``."""
        made = self.client("stepfunctions").create_state_machine(
            name=unique("machine"),
            definition=json.dumps({"StartAt": next(iter(states)), "States": states}),
            roleArn=ROLE,
        )
        return str(made["stateMachineArn"])

    def execute(self, machine: str, given: Any) -> dict[str, Any]:
        """The finished execution of ``machine`` with the input ``given``."""
        client = self.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]

        def finished() -> dict[str, Any] | None:
            execution: dict[str, Any] = client.describe_execution(executionArn=arn)
            return None if execution["status"] == "RUNNING" else execution

        return until(finished, "the execution to end") or {}

    # What the tests look at

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def content(self, bucket: str, key: str) -> bytes:
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return gzip.decompress(body) if key.endswith(".gz") else body

    def messages(self, queue: str) -> list[str]:
        """The bodies of the messages that are visible now; they are deleted."""
        client, bodies = self.client("sqs"), []
        while received := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in received]
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(received)]
            client.delete_message_batch(QueueUrl=queue, Entries=entries)
        return bodies

    def metric(self, namespace: str, name: str, statistic: str = "Sum", **dimensions: str) -> float:
        """A statistic of the last two days, 0 where there is no datapoint."""
        now = time.time()
        answer = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - 2 * 86400,
            EndTime=now + 60,
            Period=86400,
            Statistics=[statistic],
        )
        return float(sum(point[statistic] for point in answer["Datapoints"]))

    def device(self) -> Device:
        """A thing with a certificate of its own, connected."""
        return Device(self)


class Device:
    """An MQTT client with a client certificate."""

    def __init__(self, emulator: Emulator) -> None:
        name, iot = unique("device"), emulator.client("iot")
        made = iot.create_keys_and_certificate(setAsActive=True)
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
        iot.create_policy(policyName=name, policyDocument=json.dumps(policy))
        iot.attach_policy(policyName=name, target=made["certificateArn"])
        iot.create_thing(thingName=name)
        iot.attach_thing_principal(thingName=name, principal=made["certificateArn"])
        folder = emulator.data.parent / name
        folder.mkdir()
        (folder / "certificate.pem").write_text(made["certificatePem"])
        (folder / "key.pem").write_text(made["keyPair"]["PrivateKey"])
        with urllib.request.urlopen(f"{emulator.url}/_ministack/iot/ca.pem") as answer:  # noqa: S310
            (folder / "ca.pem").write_bytes(answer.read())
        self.name, self._folder, self._port = name, folder, emulator.mqtt_port
        self.connect()

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """The authority, the certificate and its key."""
        return self._folder / "ca.pem", self._folder / "certificate.pem", self._folder / "key.pem"

    def connect(self) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self.name)
        context = ssl.create_default_context(cafile=str(self._folder / "ca.pem"))
        context.load_cert_chain(self._folder / "certificate.pem", self._folder / "key.pem")
        self.client.tls_set_context(context)
        self.client.max_inflight_messages_set(200)
        connected = threading.Event()
        self.client.on_connect = lambda *_: connected.set()
        self.client.connect("localhost", self._port)
        self.client.loop_start()
        assert connected.wait(60)

    def publish(self, topic: str, *payloads: bytes) -> None:
        """Publish at QoS 1 and wait for every acknowledgement."""
        for sent in [self.client.publish(topic, payload, qos=1) for payload in payloads]:
            sent.wait_for_publish(20)
            assert sent.is_published()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
