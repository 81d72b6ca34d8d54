"""The ETL as the state machine runs it, function by function, without the state machine."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.interval import Interval
from telemetry.lake.layout import raw_prefix
from telemetry.paths import FUNCTIONS
from telemetry.warehouse.connection import Connection

HOUR_START = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The partition that the tests use where any will do."""


class Context:
    """What Lambda tells a function of its time."""

    def __init__(self, seconds: float = 300) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def function(name: str) -> ModuleType:
    """The handler's module."""
    spec = importlib.util.spec_from_file_location(f"handler_of_{name}", FUNCTIONS / name / "handler.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(name: str, event: dict[str, Any]) -> Any:
    """The function's answer, to the event as JSON makes it."""
    return json.loads(json.dumps(function(name).handler(json.loads(json.dumps(event)), Context())))


@dataclass
class Execution:
    """One execution of the ETL; each state can be run by itself, and again."""

    stream: str
    kind: str = "hourly"
    interval: Interval = field(default_factory=lambda: Interval.hour(HOUR_START))
    name: str = field(default_factory=lambda: f"by-hand-{uuid.uuid4().hex[:8]}")
    extracted: dict[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "kind": self.kind,
            "start": self.interval.start.isoformat(),
            "end": self.interval.end.isoformat(),
            "execution_name": self.name,
            "execution_arn": f"arn:aws:states:eu-west-1:000000000000:execution:telemetry_etl:{self.name}",
        }

    def extract(self) -> list[dict[str, Any]]:
        """The manifest's references."""
        self.extracted = call("data_extraction", self.request)
        manifest = self.extracted["manifest"]
        body = s3().get_object(Bucket=manifest["bucket"], Key=manifest["key"])["Body"].read()
        items = [json.loads(line) for line in body.splitlines()]
        assert len(items) == self.extracted["objects"]
        return items

    def transform(self, items: list[dict[str, Any]]) -> Any:
        batch = {"stream": self.stream, "load_id": self.extracted["load_id"]}
        return call("data_transformation", {"BatchInput": batch, "Items": items})

    def load(self, transformed: Any) -> None:
        assert call("data_loading", transformed) == {}

    def summarise(self) -> dict[str, Any]:
        summary: dict[str, Any] = call("load_recording", {"action": "summarise", **self.request, **self.extracted})
        return summary

    def fail(self, error: str, cause: str) -> dict[str, Any]:
        event = {"action": "fail", **self.request, "error": {"Error": error, "Cause": cause}}
        summary: dict[str, Any] = call("load_recording", event)
        return summary

    def run(self) -> dict[str, Any]:
        """All of it; the summary."""
        items = self.extract()
        if items:
            self.load(self.transform(items))
        return self.summarise()


def gunzip(content: bytes) -> bytes:
    return gzip.decompress(content)


def at_once(number: int, action: Callable[[int], object]) -> list[Exception]:
    """Do it in threads that start together; what went wrong."""
    barrier = threading.Barrier(number)
    errors: list[Exception] = []

    def run(which: int) -> None:
        barrier.wait()
        try:
            action(which)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=[which]) for which in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def s3() -> Any:
    from telemetry.aws.clients import client

    return client("s3")


def sqs() -> Any:
    from telemetry.aws.clients import client

    return client("sqs")


def raw_bucket() -> str:
    return os.environ["TELEMETRY_RAW_BUCKET"]


def processed_bucket() -> str:
    return os.environ["TELEMETRY_PROCESSED_BUCKET"]


def reading(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A payload of stream telemetry, another one for each number."""
    payload = {
        "device_id": f"device-{number % 7}",
        "timestamp": (HOUR_START + timedelta(milliseconds=10 * number)).isoformat(),
        "temperature": 20 + number % 100 / 10,
        "humidity": 50.5,
    }
    return {**payload, **changes}


def envelope(payload: Any, message_id: str = "", received_at: datetime = HOUR_START) -> str:
    """A message as the topic rule makes it of a payload."""
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    document = {
        "message_id": message_id or str(uuid.uuid4()),
        "topic": "devices/device-0/telemetry",
        "received_at": int(received_at.timestamp() * 1000),
        "payload": base64.b64encode(content).decode(),
    }
    return json.dumps(document)


def put_raw(lines: Iterable[Any], stream: str = "telemetry", hour: datetime = HOUR_START, name: str = "") -> str:
    """A raw object as Firehose writes it; its key."""
    body = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    return put_object(gzip.compress(body), stream, hour, name)


def put_object(body: bytes, stream: str = "telemetry", hour: datetime = HOUR_START, name: str = "") -> str:
    """A raw object of any content; its key."""
    key = raw_prefix(stream, hour) + (name or f"{uuid.uuid4().hex}.gz")
    s3().put_object(Bucket=raw_bucket(), Key=key, Body=body)
    return key


def new_queue(stream: str = "telemetry", visibility_seconds: int = 30) -> str:
    """The stream's queue, empty; its address."""
    name = load_settings().names.queue(stream)
    for found in sqs().list_queues(QueueNamePrefix=name).get("QueueUrls", []):
        sqs().delete_queue(QueueUrl=found)
    made = sqs().create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(visibility_seconds)})
    return str(made["QueueUrl"])


def send(queue: str, bodies: Iterable[Any]) -> None:
    """Put messages into a queue."""
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    for start in range(0, len(texts), 10):
        entries = [{"Id": str(n), "MessageBody": text} for n, text in enumerate(texts[start : start + 10])]
        assert not sqs().send_message_batch(QueueUrl=queue, Entries=entries).get("Failed")


def queue_depth(queue: str) -> int:
    """How many messages are in the queue, also those that are being handled."""
    return _count(queue, "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def visible_messages(queue: str) -> int:
    """How many messages of the queue can be received."""
    return _count(queue, "ApproximateNumberOfMessages")


def _count(queue: str, *names: str) -> int:
    attributes = sqs().get_queue_attributes(QueueUrl=queue, AttributeNames=list(names))["Attributes"]
    return sum(int(attributes[name]) for name in names)


class KilledError(Exception):
    """Stands for the end of the process."""


def killed_at(call: str) -> Any:
    """A client of SQS whose process is killed when it makes that call."""
    client = sqs()

    def kill(**_: Any) -> None:
        raise KilledError

    client.meta.events.register(f"before-call.sqs.{call}", kill)
    return client


def queue_execution() -> Execution:
    """A load of stream telemetry's queue, of this hour."""
    return Execution("telemetry", kind="queue", interval=Interval.hour(datetime.now(UTC)))


def rows(connection: Connection, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What a query gives, in a transaction of its own."""
    with connection, connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall()


def table_of(connection: Connection, stream: str = "telemetry") -> list[tuple[Any, ...]]:
    """The readings without the number of their load, in the key's order."""
    names = ", ".join(["device_id", "event_time", "reading_id", *find_stream(stream).fields, "extra"])
    return rows(connection, f"SELECT {names} FROM {stream}_readings ORDER BY 1, 2, 3")


def ledger_of(connection: Connection) -> list[tuple[Any, ...]]:
    """messages, redelivered, rows_read, loaded, duplicate, quarantined of every object, in the order of the keys."""
    return rows(
        connection,
        "SELECT messages, redelivered, rows_read, loaded, duplicate, quarantined FROM load_objects ORDER BY key",
    )
