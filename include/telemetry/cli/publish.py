"""Messages of one's own: simulate, replay."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry.cli.arguments import StreamOption, parse_rate
from telemetry.cli.deployed import use_deployment
from telemetry.cli.output import progress_bar

if TYPE_CHECKING:
    from telemetry.contracts.model import Stream
    from telemetry.devices.messages import DeviceMessage

LIVE_SPAN = timedelta(minutes=10)
MESSAGES_MAX, DEVICES_MAX, DAYS_MAX = 10**9, 100_000, 3650
"""More than anybody simulates. Devices are held in memory; event times before 1970 are none."""

SLOWEST = 1 / 86400
"""Messages a second: one a day."""


def parse_messages_a_second(value: str | float) -> float:
    """A number of messages a second, or 0 for as fast as it goes; Typer has the default parsed too."""
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if not (rate == 0 or SLOWEST <= rate < math.inf):
        raise typer.BadParameter(f"{value!r} is no number of messages a second. Write it as 200 or 0.5.")
    return rate


MessagesASecond = Annotated[
    float,
    typer.Option(
        "--rate",
        parser=parse_messages_a_second,
        metavar="NUMBER",
        help="Messages published a second; 0: as fast as it goes.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (simulate, replay):
        app.command()(command)


def simulate(
    stream: StreamOption = "telemetry",
    messages: Annotated[
        int, typer.Option("--messages", "-n", min=1, max=MESSAGES_MAX, help="How many in all, also with --days.")
    ] = 1000,
    devices: Annotated[
        int, typer.Option("--devices", min=1, max=DEVICES_MAX, help="How many devices send them, in turn.")
    ] = 10,
    duplicate: Annotated[
        float, typer.Option(parser=parse_rate, metavar="RATE", help="The part that repeats another message.")
    ] = 0.0,
    late: Annotated[
        float, typer.Option(parser=parse_rate, metavar="RATE", help="The part with a time 1 to 6 hours back.")
    ] = 0.0,
    malformed: Annotated[
        float, typer.Option(parser=parse_rate, metavar="RATE", help="The part that is no reading.")
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the random values; times follow the clock.")] = 0,
    days: Annotated[
        int,
        typer.Option("--days", min=0, max=DAYS_MAX, help="Write history objects of so many past days (UTC) instead."),
    ] = 0,
    rate: MessagesASecond = 0.0,
) -> None:
    """Publish messages of simulated devices over MQTT. With --days, write history objects of past days
    instead. A RATE is 0.02 or 2%."""
    from telemetry.contracts.loader import find_stream
    from telemetry.devices.simulate import Simulation
    from telemetry.devices.simulate import simulate as simulated

    contract = find_stream(stream)
    start, end = past_span(days) if days else live_span()
    simulation = Simulation(contract, messages, start, end, devices, duplicate, late, malformed, seed)
    if days:
        write_history_of(contract, simulated(simulation), messages)
    else:
        publish_live(contract, paced(simulated(simulation), rate), messages)


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JSON array, JSON Lines, or CSV (ending .csv).")],
    stream: StreamOption,
    as_history: Annotated[
        bool, typer.Option("--as-history", help="Write them into the lake, into the hours of their event times.")
    ] = False,
    rate: MessagesASecond = 0.0,
) -> None:
    """Publish the records of a file over MQTT. A file with a fault publishes nothing."""
    from telemetry.contracts.loader import find_stream
    from telemetry.devices.replay import replay as replayed

    contract = find_stream(stream)
    total = sum(1 for _ in replayed(file, contract))
    if as_history:
        write_history_of(contract, replayed(file, contract), total)
    else:
        publish_live(contract, paced(replayed(file, contract), rate), total)


def live_span() -> tuple[datetime, datetime]:
    """The minutes before now, in which messages that are published now have been measured."""
    now = datetime.now(UTC)
    return now - LIVE_SPAN, now


def past_span(days: int) -> tuple[datetime, datetime]:
    """The last whole days in UTC whose daily run is due: what is written into them can be backfilled."""
    from telemetry.airflow_rest.schedule import last_due_day
    from telemetry.interval import Interval

    end = Interval.day(last_due_day(datetime.now(UTC))).end
    return end - timedelta(days=days), end


def publish_live(stream: Stream, messages: Iterable[DeviceMessage], total: int) -> None:
    """Publish over MQTT, and say so."""
    from telemetry.devices.mqtt import Broker, publish

    use_deployment(["emulator"])
    broker = Broker.from_environment()
    with progress_bar(f"Publishing to {stream.topic}", total) as bar:
        pairs = ((stream.topic_of(message.device_id), message.payload) for message in messages)
        published = publish(broker, pairs, on_progress=bar)
    print(f"{published:,} messages of {stream.stream} published and acknowledged.")


def write_history_of(stream: Stream, messages: Iterable[DeviceMessage], total: int) -> None:
    """Write history objects, and say so."""
    from telemetry.aws.clients import client
    from telemetry.lake.history import write_history

    deployment = use_deployment(["emulator"])
    with progress_bar(f"Writing {stream.stream} into the lake", total) as bar:
        records = ((message.moment, message.payload) for message in messages)
        done = write_history(client("s3"), deployment.raw_bucket, stream.stream, records, on_progress=bar)
    present = f", {done.present:,} were there already" if done.present else ""
    print(f"{done.written:,} records of {stream.stream} written as {done.objects} objects{present}.")
    if done.hours:
        first, last = min(done.hours).date(), max(done.hours).date()
        print(f"Load them: telemetry backfill {stream.stream} --from {first} --to {last}")


def paced(messages: Iterable[DeviceMessage], rate: float) -> Iterator[DeviceMessage]:
    """The messages, no faster than ``rate`` a second."""
    start = time.monotonic()
    for number, message in enumerate(messages):
        if rate and (ahead := start + number / rate - time.monotonic()) > 0:
            time.sleep(ahead)
        yield message
