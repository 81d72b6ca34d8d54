"""The demo: publish messages, fill two past days, load everything, and account for every message."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from telemetry.accounting.conservation import count_until_it_adds_up
from telemetry.accounting.status import StreamAccount, account
from telemetry.airflow_rest.loads import LoadRunner
from telemetry.airflow_rest.schedule import past_span
from telemetry.aws.clients import client
from telemetry.aws.metrics import Flow, flows
from telemetry.config.deployment import Deployment
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.devices.messages import DeviceMessage
from telemetry.devices.mqtt import Broker, publish
from telemetry.devices.pacing import live_span
from telemetry.devices.replay import replay
from telemetry.devices.simulate import Simulation, simulate
from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.lake.history import write_history
from telemetry.local.host.state import PROJECT
from telemetry.waiting import wait_until
from telemetry.warehouse.connection import connect
from telemetry.warehouse.ledger import Counts, Load, counts

RECORDED = "../shared/data/environment-messages.json"
"""The file of recorded messages, relative to the project, unless TELEMETRY_DEMO_DATA names another one."""

STREAMS = ("environment", "telemetry")
LIVE_MESSAGES = 2000
PAST_DAYS, PAST_MESSAGES = 2, 480
SETTLE_SECONDS = 120.0
ROW_COUNTS = ("loaded", "duplicate", "quarantined")


class Demo:
    """The whole pipeline on the local stack, whose environment this process has; ``tell`` is told the progress."""

    def __init__(self, deployment: Deployment, loads: LoadRunner, tell: Callable[[str], object]) -> None:
        self._deployment, self._loads, self._tell = deployment, loads, tell
        self._past = past_span(find_stream("telemetry"), PAST_DAYS, datetime.now(UTC))

    def run(self) -> int:
        """Publish and load all messages. A part that fails does not stop the others; returns how many failed."""
        failed = 0
        with ThreadPoolExecutor() as pool:
            for part in as_completed(self._start_parts(pool)):
                try:
                    self._tell(part.result())
                except TelemetryError as error:
                    self._tell(f"Failed: {error}")
                    failed += 1
        return failed

    def final_accounts(self) -> Mapping[str, StreamAccount]:
        """The accounts of the demo's streams, once nothing is in flight or the time for that is over."""
        settings, streams = load_settings(), [find_stream(stream) for stream in STREAMS]
        deadline = time.monotonic() + SETTLE_SECONDS / 4  # a scheduled run that is at work may finish
        while True:
            with connect(self._deployment.database_secret) as connection:
                accounts = count_until_it_adds_up(partial(account, streams, connection, self._deployment, settings))
            if all(one.at_rest for one in accounts.values()) or time.monotonic() > deadline:
                return accounts
            time.sleep(1)

    def partition_rows(self) -> list[dict[str, Any]]:
        """A row for each stream, partition and lane; the hours of a past day are one row."""
        with connect(self._deployment.database_secret) as connection:
            found = [count for count in counts(connection, start=self._past.start) if count.stream in STREAMS]
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for count in found:
            key = (count.stream, _partition(count), count.lane)
            row = rows.setdefault(key, dict(zip(("stream", "partition", "lane"), key, strict=True)))
            for name in ("messages", *ROW_COUNTS):
                row[name] = row.get(name, 0) + getattr(count, name)
        return list(rows.values())

    def _start_parts(self, pool: ThreadPoolExecutor) -> list[Future[str]]:
        """Start each part as early as possible: lanes and days do not wait for each other."""
        first, last = self._write_past_days()
        parts = [pool.submit(self._backfill, first, last)]
        before = _flows()
        published = {stream: self._publish(stream, messages) for stream, messages in _live_messages()}
        parts += [pool.submit(self._drain, stream) for stream in STREAMS]
        _wait_for_delivery(before, published)
        self._tell("Firehose delivered the messages to the lake")
        hour = Interval.hour(datetime.now(UTC)).start
        return [*parts, *(pool.submit(self._load_hour, stream, hour) for stream in STREAMS)]

    def _write_past_days(self) -> tuple[date, date]:
        """Write two past days of ``telemetry`` into the lake, and return the first and the last."""
        start, end = self._past.start, self._past.end
        messages = simulate(Simulation(find_stream("telemetry"), PAST_MESSAGES, start, end))
        records = ((message.moment, message.payload) for message in messages)
        done = write_history(client("s3"), self._deployment.raw_bucket, "telemetry", records)
        first, last = start.date(), end.date() - timedelta(days=1)
        self._tell(f"telemetry: {done.written + done.present} messages of {first} and {last} are in the lake")
        return first, last

    def _publish(self, stream: str, messages: Iterable[DeviceMessage]) -> int:
        contract = find_stream(stream)
        pairs = ((contract.topic_of(message.device_id), message.payload) for message in messages)
        published = publish(Broker.from_environment(), pairs)
        self._tell(f"{stream}: published {published:,} messages over MQTT with TLS to {contract.topic}")
        return published

    def _backfill(self, first: date, last: date) -> str:
        return f"telemetry: backfilled {first} and {last}: {_sum(self._loads.backfill('telemetry', first, last))}"

    def _drain(self, stream: str) -> str:
        return f"{stream}: drained the queue: {_sum(self._loads.run_queue(stream))}"

    def _load_hour(self, stream: str, hour: datetime) -> str:
        return f"{stream}: loaded the hour {hour:%H}:00: {_sum(self._loads.run_hour(stream, hour))}"


def _live_messages() -> Iterator[tuple[str, Iterable[DeviceMessage]]]:
    """``environment``: recorded messages if there are any, else simulated ones. ``telemetry``: some are faulty."""
    span = live_span()
    environment, telemetry = (find_stream(stream) for stream in STREAMS)
    recorded = PROJECT / (os.environ.get("TELEMETRY_DEMO_DATA") or RECORDED)
    if recorded.exists():
        yield "environment", replay(recorded, environment)
    else:
        yield "environment", simulate(Simulation(environment, LIVE_MESSAGES, span.start, span.end))
    faulty = Simulation(telemetry, LIVE_MESSAGES, span.start, span.end, duplicate=0.02, malformed=0.01, late=0.03)
    yield "telemetry", simulate(faulty)


def _flows() -> dict[str, Flow]:
    return flows(client("cloudwatch"), load_settings().names, STREAMS, datetime.now(UTC))


def _wait_for_delivery(before: dict[str, Flow], published: dict[str, int]) -> None:
    """Wait until Firehose has received and delivered what was published."""

    def delivered() -> bool:
        return all(
            flow.delivered == flow.taken >= before[stream].taken + published[stream]
            for stream, flow in _flows().items()
        )

    wait_until(
        delivered,
        what="Firehose to deliver the messages",
        timeout=SETTLE_SECONDS,
        hint="See `telemetry logs emulator`.",
    )


def _sum(loads: Iterable[Load]) -> str:
    loads = list(loads)
    return ", ".join(f"{sum(getattr(load, name) for load in loads):,} {name}" for name in ROW_COUNTS)


def _partition(count: Counts) -> str:
    start = count.partition_start.astimezone(UTC)
    return f"{start:%Y-%m-%d %H}:00" if start.date() == datetime.now(UTC).date() else f"{start:%Y-%m-%d}"
