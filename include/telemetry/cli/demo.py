"""The demo: messages down both lanes, two days of the past, and the proof that nothing was lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from telemetry.cli.deployed import EVERYTHING, is_local, use_deployment
from telemetry.cli.output import notes, print_table
from telemetry.cli.publish import live_span, past_span
from telemetry.cli.runs import backfill_days, log_in, run_hour, run_queue
from telemetry.cli.status import accounts_now, print_lanes
from telemetry.errors import TelemetryError
from telemetry.waiting import wait_until

if TYPE_CHECKING:
    from telemetry.accounting.status import StreamAccount
    from telemetry.airflow_rest.runs import AirflowApi
    from telemetry.aws.metrics import Flow
    from telemetry.devices.messages import DeviceMessage
    from telemetry.warehouse.ledger import Counts, Load

RECORDED = "../shared/data/environment-messages.json"
"""Where recorded messages of ``environment`` may be, from the project's folder; or in TELEMETRY_DEMO_DATA."""

STREAMS = ("environment", "telemetry")
LIVE_MESSAGES = 2000
PAST_DAYS, PAST_MESSAGES = 2, 480
SETTLE_SECONDS = 120.0

Tell = Callable[[str], None]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo() -> None:
    """Show the whole pipeline at work, and account for every message. Exits 1 if one is missing."""
    if not is_local():
        raise TelemetryError("The demo is for the stack of this machine.", "Unset TELEMETRY_RAW_BUCKET.")
    use_deployment(EVERYTHING)
    clock = time.monotonic()

    def tell(line: str) -> None:
        notes.print(f"{time.monotonic() - clock:4.0f} s  {line}", markup=False, soft_wrap=True)

    with log_in() as airflow, ThreadPoolExecutor() as pool:
        failed = _report(_parts(airflow, pool, tell), tell)
    _prove()
    if failed:
        raise TelemetryError(f"{failed} parts of the demo failed, as shown above.", "`telemetry doctor` may know why.")


def _parts(airflow: AirflowApi, pool: ThreadPoolExecutor, tell: Tell) -> list[Future[str]]:
    """Everything as early as can be: lanes and days do not wait for each other."""
    first, last = _seed(tell)
    parts = [pool.submit(_backfill, airflow, first, last)]
    before = _flows()
    published = {stream: _publish(stream, messages, tell) for stream, messages in _live_messages()}
    parts += [pool.submit(_drain, airflow, stream) for stream in STREAMS]
    _settle(before, published)
    tell("Firehose has delivered them to the lake")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return [*parts, *(pool.submit(_load_hour, airflow, stream, hour) for stream in STREAMS)]


def _report(parts: Iterable[Future[str]], tell: Tell) -> int:
    """Tell how each part ended as it ends, and return how many failed: the rest is loaded all the same."""
    failed = 0
    for part in as_completed(parts):
        try:
            tell(part.result())
        except TelemetryError as error:
            tell(f"Failed: {error}")
            failed += 1
    return failed


def _seed(tell: Tell) -> tuple[date, date]:
    """Write two past days of ``telemetry`` into the lake, and return the first and the last."""
    from telemetry.aws.clients import client
    from telemetry.contracts.loader import find_stream
    from telemetry.devices.simulate import Simulation, simulate
    from telemetry.lake.history import write_history

    start, end = past_span(PAST_DAYS)
    messages = simulate(Simulation(find_stream("telemetry"), PAST_MESSAGES, start, end))
    records = ((message.moment, message.payload) for message in messages)
    done = write_history(client("s3"), use_deployment().raw_bucket, "telemetry", records)
    first, last = start.date(), end.date() - timedelta(days=1)
    tell(f"telemetry: {done.written + done.present} messages of {first} and {last} are in the lake")
    return first, last


def _live_messages() -> Iterator[tuple[str, Iterable[DeviceMessage]]]:
    """Of ``environment`` recorded ones where there are any, else simulated; of ``telemetry`` some that are faulty."""
    from telemetry.contracts.loader import find_stream
    from telemetry.devices.replay import replay
    from telemetry.devices.simulate import Simulation, simulate
    from telemetry.local.host.state import PROJECT

    start, end = live_span()
    environment, telemetry = (find_stream(stream) for stream in STREAMS)
    recorded = PROJECT / (os.environ.get("TELEMETRY_DEMO_DATA") or RECORDED)
    if recorded.exists():
        yield "environment", replay(recorded, environment)
    else:
        yield "environment", simulate(Simulation(environment, LIVE_MESSAGES, start, end))
    faulty = Simulation(telemetry, LIVE_MESSAGES, start, end, duplicate=0.02, malformed=0.01, late=0.03)
    yield "telemetry", simulate(faulty)


def _publish(stream: str, messages: Iterable[DeviceMessage], tell: Tell) -> int:
    from telemetry.contracts.loader import find_stream
    from telemetry.devices.mqtt import Broker, publish

    contract = find_stream(stream)
    pairs = ((contract.topic_of(message.device_id), message.payload) for message in messages)
    published = publish(Broker.from_environment(), pairs)
    tell(f"{stream}: {published:,} messages published over MQTT with TLS to {contract.topic}")
    return published


def _flows() -> dict[str, Flow]:
    from telemetry.aws.clients import client
    from telemetry.aws.metrics import flows
    from telemetry.config.settings import load_settings

    return flows(client("cloudwatch"), load_settings().names, STREAMS, datetime.now(UTC))


def _settle(before: dict[str, Flow], published: dict[str, int]) -> None:
    """Wait until Firehose has taken in and delivered what was published."""

    def settled() -> bool:
        return all(
            flow.delivered == flow.taken >= before[stream].taken + published[stream]
            for stream, flow in _flows().items()
        )

    wait_until(settled, what="Firehose to deliver", timeout=SETTLE_SECONDS, hint="See `telemetry logs emulator`.")


def _backfill(airflow: AirflowApi, first: date, last: date) -> str:
    return f"telemetry: {first} and {last} backfilled, {_sum(backfill_days(airflow, 'telemetry', first, last))}"


def _drain(airflow: AirflowApi, stream: str) -> str:
    return f"{stream}: queue drained, {_sum(run_queue(airflow, stream))}"


def _load_hour(airflow: AirflowApi, stream: str, hour: datetime) -> str:
    return f"{stream}: hour {hour:%H} loaded, {_sum(run_hour(airflow, stream, hour))}"


def _sum(loads: Iterable[Load]) -> str:
    loads = list(loads)
    return ", ".join(f"{sum(getattr(load, name) for load in loads):,} {name}" for name in COUNTED)


# --- The proof

COUNTED = ("loaded", "duplicate", "quarantined")


def _prove() -> None:
    """Print the tables and the way to Airflow.

    Raises:
        TelemetryError: a message is in flight or unaccounted for.
    """
    accounts = _at_rest()
    print_table(
        "Messages by stream and partition", _partition_rows(), ("stream", "partition", "lane", "messages", *COUNTED)
    )
    print_lanes(accounts)
    moving = [name for name, one in accounts.items() if not one.at_rest]
    if moving:
        raise TelemetryError(
            f"Not every message of {', '.join(moving)} is accounted for.", "`telemetry status` counts again."
        )
    print("Published = loaded + duplicate + quarantined, for every stream and lane.")
    environment = {name: os.environ[f"TELEMETRY_AIRFLOW_{name}"] for name in ("URL", "USER", "PASSWORD")}
    print("Airflow: {URL} (user {USER}, password {PASSWORD})".format(**environment))


def _at_rest() -> dict[str, StreamAccount]:
    """The accounts of the demo's streams; a scheduled run that is at work gets the time to finish."""
    deadline = time.monotonic() + SETTLE_SECONDS / 4
    while True:
        accounts = {name: one for name, one in accounts_now().items() if name in STREAMS}
        if all(one.at_rest for one in accounts.values()) or time.monotonic() > deadline:
            return accounts
        time.sleep(1)


def _partition_rows() -> list[dict[str, Any]]:
    """A row a stream, partition and lane; the hours of a past day are one row."""
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.ledger import counts

    start, _ = past_span(PAST_DAYS)
    with connect(use_deployment().database_secret) as connection:
        found = [count for count in counts(connection, start=start) if count.stream in STREAMS]
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for count in found:
        key = (count.stream, _partition(count), count.lane)
        row = rows.setdefault(key, dict(zip(("stream", "partition", "lane"), key, strict=True)))
        for name in ("messages", *COUNTED):
            row[name] = row.get(name, 0) + getattr(count, name)
    return list(rows.values())


def _partition(count: Counts) -> str:
    start = count.partition_start.astimezone(UTC)
    return f"{start:%Y-%m-%d %H}:00" if start.date() == datetime.now(UTC).date() else f"{start:%Y-%m-%d}"
