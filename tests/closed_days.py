"""A stream of a test's own whose days are closed: its readings, its ledger, and what the services count of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from psycopg2.extras import execute_values

from emulated import Emulator
from etl import rows
from telemetry.closing.day import ClosedDay, close_day
from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings, load_settings
from telemetry.contracts.model import Stream
from telemetry.interval import Interval, Lane
from telemetry.lake.layout import queue_prefix, raw_prefix
from telemetry.lake.raw_object import RawObject
from telemetry.local.provision.deployment import LocalDeployment
from telemetry.local.provision.queues import provision_queues
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import ensure_load
from telemetry.warehouse.load_objects import ObjectCounts, claim_object, count_object
from telemetry.warehouse.migrate import migrate
from telemetry.warehouse.quality_checks import list_checks

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=2)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def contract(name: str = "pump", **fields: str) -> Stream:
    """A stream with fields of these types; ``!`` makes one required."""
    types = fields or {"level": "double", "count": "integer", "note": "string", "on": "boolean!"}
    document: dict[str, Any] = {
        "stream": name,
        "topic": f"devices/+/{name}",
        "device": {"path": "device_id"},
        "event_time": {"path": "ts", "format": "epoch_seconds"},
        "fields": {key: {"type": type_.rstrip("!"), "required": type_.endswith("!")} for key, type_ in types.items()},
    }
    return Stream.model_validate(document)


@dataclass
class Ground:
    """A stream with tables, queues, a topic and alarms of its own, whose days are closed."""

    connection: Connection
    emulator: Emulator
    stream: Stream = field(default_factory=lambda: contract(f"pump_{uuid.uuid4().hex[:8]}"))
    settings: Settings = field(default_factory=load_settings)

    def __post_init__(self) -> None:
        names = self.settings.names.model_copy(update={"prefix": f"t{uuid.uuid4().hex[:8]}"})
        self.settings = self.settings.model_copy(update={"names": names})
        migrate(self.connection, {self.stream.stream: self.stream})
        self.local = LocalDeployment(self.emulator.url, self.settings, {self.stream.stream: self.stream})
        provision_queues(self.local)

    def close(self, day: date = DAY, now: datetime | None = None) -> ClosedDay:
        deployment = Deployment.from_environment()
        return close_day(self.connection, self.stream, day, deployment, self.settings, now or datetime.now(UTC))

    def lanes(self, day: date = DAY, now: datetime | None = None) -> dict[Lane, tuple[int, int, int, int]]:
        """published, accounted, in flight, and unaccounted (below 0: the surplus), as closing the day counts them."""
        closed = self.close(day, now).reconciliations
        return {
            one.lane: (one.published, one.accounted, one.in_flight, one.unaccounted - one.surplus) for one in closed
        }

    def count(self, metric: str, number: float, when: datetime) -> None:
        """As the services count."""
        names, stream = self.settings.names, self.stream.stream
        namespace, dimension, value = {
            "TopicMatch": ("AWS/IoT", "RuleName", names.topic_rule(stream)),
            "IncomingRecords": ("AWS/Firehose", "DeliveryStreamName", names.delivery_stream(stream)),
            "DeliveryToS3.Records": ("AWS/Firehose", "DeliveryStreamName", names.delivery_stream(stream)),
            "ApproximateAgeOfOldestMessage": ("AWS/SQS", "QueueName", names.queue(stream)),
        }[metric]
        datum = {"MetricName": metric, "Dimensions": [{"Name": dimension, "Value": value}], "Value": number}
        cloudwatch = self.emulator.client("cloudwatch")
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{**datum, "Timestamp": when}])

    def readings(self, *readings: tuple[Any, ...]) -> None:
        """Rows of the readings: device, event time, then the fields."""
        with self.connection, self.connection.cursor() as cursor:
            names = ", ".join(f'"{name}"' for name in self.stream.fields)
            execute_values(
                cursor,
                f"INSERT INTO {self.stream.table} (device_id, event_time, {names}, reading_id, load_id) VALUES %s",
                [(*values, str(uuid.uuid4()), 1) for values in readings],
            )

    def forget_readings(self) -> None:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {self.stream.table}")

    def load(self, lane: Lane, key: str, days: dict[date, int], rejects: Sequence[str] = (), loaded: int = 0) -> None:
        """An object of the ledger."""
        load = ensure_load(
            self.connection,
            stream=self.stream.stream,
            kind="daily",
            interval=Interval.day(DAY),
            execution_name=f"by-hand-{self.stream.stream}",
            execution_arn="arn",
        )
        bucket = Deployment.from_environment().raw_bucket
        with self.connection, self.connection.cursor() as cursor:
            raw_object = RawObject(bucket, key, etag="e", bytes=1, lane=lane)
            assert claim_object(cursor, load.load_id, self.stream.stream, raw_object)
            for line, reason in enumerate(rejects):
                cursor.execute(
                    """INSERT INTO quarantine (stream, bucket, key, line, reason, detail, raw)
                    VALUES (%s, %s, %s, %s, %s, '', '')""",
                    (self.stream.stream, bucket, key, line, reason),
                )
            count_object(cursor, raw_object, ObjectCounts(days, 0, loaded, 0, len(rejects), None))

    def key(self, lane: Lane, hour: datetime) -> str:
        prefix = raw_prefix if lane is Lane.lake else queue_prefix
        return f"{prefix(self.stream.stream, hour)}{uuid.uuid4().hex}.gz"


def rollup_of(ground: Ground) -> list[tuple[Any, ...]]:
    return rows(ground.connection, f"SELECT * FROM {ground.stream.stream}_rollup ORDER BY device_id, day")


def checks_of(ground: Ground, day: date = DAY) -> dict[tuple[str, str], tuple[Any, ...]]:
    found = list_checks(ground.connection, stream=ground.stream.stream, day=day)
    return {(one.check_name, one.subject): (one.observed, one.low, one.high, one.passed) for one in found}


def replace_connection(ground: Ground, connection: Connection) -> Ground:
    other: Ground = object.__new__(Ground)
    other.__dict__.update({**ground.__dict__, "connection": connection})
    return other
