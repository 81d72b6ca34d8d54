"""All formats of ``corpus/devices`` at once, sent as devices send them and loaded by every way.

On one emulator and one PostgreSQL; the functions are called as the state machine calls them. Filters of some formats
overlap, which the loader refuses: those are published in turn.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from corpus.devices import FOLDER, FORMATS, samples_of
from etl import Execution, gunzip, rows
from telemetry.accounting.status import account
from telemetry.aws.clients import client
from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings, load_settings
from telemetry.contracts import loader
from telemetry.contracts.model import YEAR_SECONDS, Stream
from telemetry.devices.mqtt import Broker, publish
from telemetry.interval import Interval
from telemetry.lake.history import write_history
from telemetry.lake.layout import RAW
from telemetry.local.host.state import State
from telemetry.local.provision.deployment import ACCESS_KEY, REGION, LocalDeployment
from telemetry.local.provision.device import Certificates, provision_device
from telemetry.local.provision.ingest import provision_delivery_streams, provision_rules
from telemetry.local.provision.lake import provision_buckets, provision_secret
from telemetry.local.provision.queues import provision_queues
from telemetry.local.services.emulator import Emulator
from telemetry.local.services.postgres import Login
from telemetry.streams.replay import recorded_messages
from telemetry.waiting import wait_until
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.migrate import migrate

HISTORY = "history-lake"
"""The raw bucket of what is not published: each way has the lake to itself."""
AT_ONCE = 12
WAYS = ("lake", "queue", "history")


class Counts(NamedTuple):
    """One lane of a stream, as ``telemetry status`` counts it."""

    published: int
    loaded: int
    duplicate: int
    quarantined: int
    filtered: int
    in_flight: int
    unaccounted: int
    surplus: int


@dataclass(frozen=True)
class Loaded:
    """What one way of a stream has brought into a warehouse that was empty; ``nulled`` is the ledger's sum."""

    readings: list[dict[str, Any]]
    rejects: list[tuple[str, str, int | None, str, bytes]]
    nulled: int


Lanes = dict[str, Counts]


@dataclass(frozen=True)
class Outcome:
    """Of one format: what each way has loaded, when it was published, and its lanes, published and as history."""

    stream: Stream
    ways: dict[str, Loaded]
    published: Interval
    lanes: Lanes
    history_lanes: Lanes


@contextmanager
def sent_and_loaded(database: Login, folder: Path) -> Iterator[dict[str, Outcome]]:
    """Send every format, published and as history, and load it by every way. The database's tables are made anew."""
    state = State(folder)
    emulator = Emulator(state, REGION)
    with pytest.MonkeyPatch.context() as patch:
        groups = list(_groups(folder / "streams"))
        streams = {name: stream for group in groups for name, stream in group.items()}
        # The functions read the streams beside their package, where those of the formats are not.
        patch.setattr(loader.find_stream, "__defaults__", (folder / "streams" / "0",))
        emulator.start()
        try:
            settings = _use(emulator, patch)
            yield _Run(LocalDeployment(emulator.url, settings, streams), state, emulator, database, patch).outcomes(
                groups
            )
        finally:
            emulator.stop()


def _use(emulator: Emulator, patch: pytest.MonkeyPatch) -> Settings:
    """Point this process at the emulator."""
    patch.setenv("TELEMETRY_FIREHOSE_BUFFER_SECONDS", "1")
    settings = load_settings()
    deployment = LocalDeployment(emulator.url, settings, {}).deployment
    environment = {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "TELEMETRY_RAW_BUCKET": deployment.raw_bucket,
        "TELEMETRY_PROCESSED_BUCKET": deployment.processed_bucket,
        "TELEMETRY_DATABASE_SECRET": deployment.database_secret,
    }
    for name, value in environment.items():
        patch.setenv(name, value)
    return settings


def _groups(folder: Path) -> Iterator[dict[str, Stream]]:
    """The formats in as few groups as it takes for no two streams of a group to take the same messages.

    ``folder/0`` has the files of all. Devices' clocks may be ahead of this machine's.
    """
    waiting = FORMATS
    for number in count():
        for name in waiting:
            shutil.copytree(FOLDER / name, folder / str(number), dirs_exist_ok=True)
            path = folder / str(number) / f"{name}.yaml"
            path.write_text(f"{path.read_text()}event_time_ahead_seconds: {YEAR_SECONDS}\n")
        files = loader.read_streams(folder / str(number))
        assert files.streams, files.faults
        yield files.streams
        waiting = [name for name in waiting if name not in files.streams]
        if not waiting:
            return


@dataclass(frozen=True)
class _Run:
    local: LocalDeployment
    state: State
    emulator: Emulator
    database: Login
    patch: pytest.MonkeyPatch

    def outcomes(self, groups: list[dict[str, Stream]]) -> dict[str, Outcome]:
        connection = self.database.connect()
        try:
            self._provision(connection)
            history, history_lanes = self._history(connection)
            published = {name: span for group in groups for name, span in self._publish(group).items()}
            self._await_delivery()
            lake = self._loaded(connection, lambda name: self._load(name, "hourly", published[name]))
            queue = self._loaded(connection, lambda name: self._load(name, "queue", published[name]))
            self._load_all(lambda name: self._load(name, "hourly", published[name]))
            lanes = self._lanes(connection)
        finally:
            connection.close()
        return {
            name: Outcome(
                stream,
                {"lake": lake[name], "queue": queue[name], "history": history[name]},
                published[name],
                lanes[name],
                history_lanes[name],
            )
            for name, stream in self.local.streams.items()
        }

    def _provision(self, connection: Connection) -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        migrate(connection, self.local.streams)
        provision_buckets(self.local)
        client("s3").create_bucket(Bucket=HISTORY, CreateBucketConfiguration={"LocationConstraint": REGION})
        provision_secret(self.local, self.database)
        provision_queues(self.local)
        provision_delivery_streams(self.local)
        provision_device(self.local, self.state)

    def _publish(self, group: dict[str, Stream]) -> dict[str, Interval]:
        """Publish all messages of a group; the rules that another group would fall under are gone afterwards."""
        local = LocalDeployment(self.local.endpoint, self.local.settings, group)
        provision_rules(local)
        files = Certificates.of(self.state)
        broker = Broker("127.0.0.1", self.emulator.mqtt_port, files.authority, files.certificate, files.key)
        began = datetime.now(UTC)
        messages = [
            (message.topic or "", message.payload)
            for name, stream in group.items()
            for message in recorded_messages(_recording(name), stream, as_history=False)
        ]
        assert publish(broker, messages) == len(messages) == sum(len(samples_of(name)) for name in group)
        for name in group:
            local.client("iot").delete_topic_rule(ruleName=local.settings.names.topic_rule(name))
        return dict.fromkeys(group, Interval(began, datetime.now(UTC)))

    def _await_delivery(self) -> None:
        """Wait until the lake has every message."""
        for name in self.local.streams:
            messages = len(samples_of(name))
            wait_until(partial(_is_delivered, name, messages), what=f"{messages} messages of {name}", timeout=60)

    def _history(self, connection: Connection) -> tuple[dict[str, Loaded], dict[str, Lanes]]:
        with self.patch.context() as patch:
            patch.setenv("TELEMETRY_RAW_BUCKET", HISTORY)

            def load(name: str) -> None:
                stream = self.local.streams[name]
                messages = recorded_messages(_recording(name), stream, as_history=True)
                records = ((message.moment, message.payload) for message in messages)
                for hour in write_history(client("s3"), HISTORY, name, records).hours:
                    self._load(name, "hourly", Interval.hour(hour))

            return self._loaded(connection, load), self._lanes(connection)

    def _load(self, name: str, kind: str, arrival: Interval) -> None:
        """Load the hours that messages arrived in."""
        span = Interval(Interval.hour(arrival.start).start, arrival.end)
        assert Execution(name, kind=kind, interval=span).run()["status"] == "succeeded"

    def _load_all(self, load: Callable[[str], None]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:  # as Airflow does: no stream waits for another
            list(pool.map(load, self.local.streams))

    def _loaded(self, connection: Connection, load: Callable[[str], None]) -> dict[str, Loaded]:
        """Load every stream into a warehouse that is empty."""
        tables = ["loads", "load_objects", "load_object_days", "quarantine", "queue_messages"]
        tables += [stream.table for stream in self.local.streams.values()]
        with connection, connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
        self._load_all(load)
        return {name: _read(connection, stream) for name, stream in self.local.streams.items()}

    def _lanes(self, connection: Connection) -> dict[str, Lanes]:
        with connection:
            found = account(self.local.streams.values(), connection, Deployment.from_environment(), self.local.settings)
        return {
            name: {lane: Counts(**counts) for lane, counts in one.document()["lanes"].items()}
            for name, one in found.items()
        }


def _is_delivered(stream: str, messages: int) -> bool:
    s3, bucket = client("s3"), Deployment.from_environment().raw_bucket
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix=f"{RAW}/{stream}/").get("Contents", [])]
    bodies = [gunzip(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return sum(len(body.splitlines()) for body in bodies) == messages


def _recording(name: str) -> Path:
    return FOLDER / name / "samples.jsonl"


def _read(connection: Connection, stream: Stream) -> Loaded:
    names = ", ".join(["device_id", "event_time", "extra", *stream.fields])
    readings = [
        {
            "device_id": device,
            "event_time": time,
            "values": dict(zip(stream.fields, values, strict=True)),
            "extra": more,
        }
        for device, time, more, *values in rows(connection, f"SELECT {names} FROM {stream.table}")
    ]
    rejects = "SELECT reason, detail, reading, topic, raw FROM quarantine WHERE stream = %s"
    nulled = "SELECT coalesce(sum(nulled), 0)::int FROM load_objects WHERE stream = %s"
    return Loaded(
        readings,
        [(*reject, bytes(raw)) for *reject, raw in rows(connection, rejects, stream.stream)],
        rows(connection, nulled, stream.stream)[0][0],
    )
