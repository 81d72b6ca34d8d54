"""Commands for publishing messages: simulate, replay."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry.cli.arguments import StreamOption, parse_rate
from telemetry.cli.deployed import use_deployment
from telemetry.cli.output import progress_bar

if TYPE_CHECKING:
    from telemetry.contracts.model import Stream
    from telemetry.devices.messages import DeviceMessage

MESSAGES_MAX, DEVICES_MAX, DAYS_MAX = 10**9, 100_000, 3650
"""More than anybody simulates. Devices are kept in memory, and event times before 1970 are not valid."""

SLOWEST = 1 / 86400
"""The lowest number of messages per second: one a day."""


def parse_messages_per_second(value: str | float) -> float:
    """Parse a number of messages per second; 0 means no limit. Typer also passes the default through here."""
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if not (rate == 0 or SLOWEST <= rate < math.inf):
        raise typer.BadParameter(f"{value!r} is not a valid number of messages per second. Examples: 200, 0.5.")
    return rate


MessagesPerSecond = Annotated[
    float,
    typer.Option(
        "--rate",
        parser=parse_messages_per_second,
        metavar="NUMBER",
        help="Messages to publish per second. 0 means no limit.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (simulate, replay):
        app.command()(command)


def simulate(
    stream: StreamOption = "telemetry",
    messages: Annotated[
        int, typer.Option("--messages", "-n", min=1, max=MESSAGES_MAX, help="Total number of messages.")
    ] = 1000,
    devices: Annotated[int, typer.Option("--devices", min=1, max=DEVICES_MAX, help="Number of devices.")] = 10,
    duplicate: Annotated[
        float, typer.Option(parser=parse_rate, metavar="RATE", help="Share of messages that repeat another one.")
    ] = 0.0,
    late: Annotated[
        float, typer.Option(parser=parse_rate, metavar="RATE", help="Share of messages that are 1 to 6 hours late.")
    ] = 0.0,
    malformed: Annotated[
        float, typer.Option(parser=parse_rate, metavar="RATE", help="Share of messages that are not valid.")
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random values; event times follow the clock.")] = 0,
    days: Annotated[
        int,
        typer.Option("--days", min=0, max=DAYS_MAX, help="Write history objects for this many past days instead."),
    ] = 0,
    rate: MessagesPerSecond = 0.0,
) -> None:
    """Publish messages from simulated devices over MQTT.

    With --days, nothing is published: the messages are written into the lake, spread over past days (UTC). A RATE is a
    fraction, such as 0.02, or a percentage, such as 2%.
    """
    from telemetry.airflow_rest.schedule import past_span
    from telemetry.contracts.loader import find_stream
    from telemetry.devices.pacing import live_span, paced
    from telemetry.devices.simulate import Simulation
    from telemetry.devices.simulate import simulate as simulated

    contract = find_stream(stream)
    span = past_span(contract, days, datetime.now(UTC)) if days else live_span()
    simulation = Simulation(contract, messages, span.start, span.end, devices, duplicate, late, malformed, seed)
    if days:
        write_into_lake(contract, simulated(simulation), messages)
    else:
        publish_live(contract, paced(simulated(simulation), rate), messages)


def replay(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A JSON array, JSON Lines, or CSV (with the extension .csv).")
    ],
    stream: StreamOption,
    as_history: Annotated[
        bool,
        typer.Option("--as-history", help="Write history objects, at the times of the records, instead of publishing."),
    ] = False,
    rate: MessagesPerSecond = 0.0,
) -> None:
    """Publish the records of a file over MQTT.

    A recording, as `mosquitto_sub -F %J` writes it, is published on its own topics. If the file has an error, nothing
    is published.
    """
    from telemetry.contracts.loader import find_stream
    from telemetry.devices.pacing import paced
    from telemetry.streams.replay import recorded_messages

    contract = find_stream(stream)
    total = sum(1 for _ in recorded_messages(file, contract, as_history=as_history))
    messages = recorded_messages(file, contract, as_history=as_history)
    if as_history:
        write_into_lake(contract, messages, total)
    else:
        publish_live(contract, paced(messages, rate), total)


def publish_live(stream: Stream, messages: Iterable[DeviceMessage], total: int) -> None:
    """Publish messages over MQTT and print how many."""
    from telemetry.devices.mqtt import Broker, publish

    use_deployment(["emulator"])
    broker = Broker.from_environment()
    with progress_bar(f"Publishing to {stream.topic}", total) as bar:
        pairs = ((message.topic or stream.topic_of(message.device_id), message.payload) for message in messages)
        published = publish(broker, pairs, on_progress=bar)
    print(f"Published {published:,} messages of {stream.stream}; all were acknowledged.")


def write_into_lake(stream: Stream, messages: Iterable[DeviceMessage], total: int) -> None:
    """Write messages into the lake as history objects and print how many."""
    from telemetry.aws.clients import client
    from telemetry.lake.history import write_history

    deployment = use_deployment(["emulator"])
    with progress_bar(f"Writing {stream.stream} into the lake", total) as bar:
        records = ((message.moment, message.payload) for message in messages)
        done = write_history(client("s3"), deployment.raw_bucket, stream.stream, records, on_progress=bar)
    present = f" {done.present:,} were already there." if done.present else ""
    print(f"Wrote {done.written:,} records of {stream.stream} as {done.objects} objects.{present}")
    if done.hours:
        first, last = min(done.hours).date(), max(done.hours).date()
        print(f"Load them with `telemetry backfill {stream.stream} --from {first} --to {last}`.")
