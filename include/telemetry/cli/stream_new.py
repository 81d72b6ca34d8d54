"""A new stream's file, drafted from messages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry.cli.deployed import use_deployment
from telemetry.cli.output import notes, printable, results
from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.streams.inference.infer import Known, Proposal
    from telemetry.streams.recordings import Sample

MESSAGES_MAX = 20_000
"""Messages that are held in memory."""
SECONDS_MAX = 86_400


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The stream's name: lower case letters, digits and _.")],
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Sample messages: lines of `mosquitto_sub -F %j`, JSON Lines, a JSON array, or CSV (ending .csv).",
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option("--topic", metavar="FILTER", help="The topic filter. Without --from, listen to it over MQTT."),
    ] = None,
    seconds: Annotated[
        int, typer.Option("--seconds", min=1, max=SECONDS_MAX, help="How long to listen, without --from.")
    ] = 30,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the guesses.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: include/streams/NAME.yaml.")
    ] = None,
) -> None:
    """Draft a new stream's file from sample messages, and say what to check in it."""
    from telemetry.contracts.loader import load_stream
    from telemetry.paths import STREAMS
    from telemetry.streams.inference.infer import Known

    path = output or STREAMS / f"{name}.yaml"
    if path.stem != name or path.suffix != ".yaml":
        raise typer.BadParameter(f"a stream's file has its name: {name}.yaml.", param_hint="--output")
    if from_ is None and topic is None:
        raise typer.BadParameter("Give messages with --from, or a topic to listen to with --topic.")
    if path.exists():
        raise TelemetryError(f"{path} is there already.", "Choose another name, or remove the file first.")
    if topic is not None:
        _topic_filter(topic)
    samples = _recorded(from_) if from_ else _heard(topic or "", seconds)
    proposal = _proposal(name, samples, Known(topic=topic), ask=not yes)
    try:
        path.write_text(f"{_modeline(path.parent)}{proposal.text}", encoding="utf-8")
    except OSError as error:
        raise TelemetryError(f"{path} cannot be written: {error.strerror or error}.") from error
    load_stream(path)
    _tell(path, proposal, samples, from_)


def _modeline(folder: Path) -> str:
    """The line by which editors find the schema, where there is one in the folder."""
    from telemetry.paths import STREAM_SCHEMA
    from telemetry.streams.json_schema import MODELINE

    return f"{MODELINE}\n" if (folder / STREAM_SCHEMA).is_file() else ""


def _recorded(file: Path) -> list[Sample]:
    from telemetry.streams.recordings import read_recordings

    return list(islice(read_recordings(file), MESSAGES_MAX))


def _heard(topic: str, seconds: int) -> list[Sample]:
    from telemetry.devices.listen import listen
    from telemetry.devices.mqtt import Broker
    from telemetry.streams.recordings import Sample

    if "TELEMETRY_MQTT_HOST" not in os.environ:  # a broker of one's own needs no stack
        use_deployment(["emulator"])
    broker = Broker.from_environment()
    notes.print(f"Listening to {topic} for {seconds} s …", markup=False)
    heard = listen(broker, topic, seconds, MESSAGES_MAX)
    if not heard:
        raise TelemetryError(
            f"No message came on {topic} within {seconds} s.", "Listen longer with --seconds, or check the topic."
        )
    return [Sample(f"message {number}", m.payload, m.topic, m.received_at) for number, m in enumerate(heard, start=1)]


def _proposal(name: str, samples: Sequence[Sample], known: Known, *, ask: bool) -> Proposal:
    """The draft, made again with what a person said where the messages do not tell."""
    from telemetry.streams.inference.infer import infer_stream

    proposal = infer_stream(name, samples, known)
    open_questions = {doubt.about: doubt.text for doubt in proposal.doubts if doubt.must_ask}
    if not ask or not open_questions:
        return proposal
    for about, text in open_questions.items():
        results.print(f"{text[:1].upper()}{text[1:]}.", markup=False, soft_wrap=True)
        if about == "topic":
            known = known._replace(topic=typer.prompt("Topic filter", proposal.stream.topic, value_proc=_topic_filter))
        elif about == "timezone":
            known = known._replace(timezone=typer.prompt("Time zone", "UTC", value_proc=_time_zone))
        elif about == "device":
            known = known._replace(device=typer.prompt("Device", proposal.stream.device.constant or name))
    return infer_stream(name, samples, known)


def _topic_filter(text: str) -> str:
    from telemetry.contracts.topics import check_filter

    try:
        check_filter(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}.") from None
    return text


def _time_zone(name: str) -> str:
    from telemetry.contracts.times import checked_zone

    try:
        return checked_zone(name)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


def _tell(path: Path, proposal: Proposal, samples: Sequence[Sample], from_: Path | None) -> None:
    from telemetry.contracts.loader import read_streams

    stream = proposal.stream
    results.print(
        f"{path}: topic {printable(stream.topic)}, {len(stream.fields)} fields, from {len(samples):,} messages.",
        markup=False,
        soft_wrap=True,
    )
    shared = [fault.message for fault in read_streams(path.parent).faults if fault.message.startswith(f"{path}:")]
    lines = [f"{doubt.about}: {doubt.text}" for doubt in proposal.doubts] + shared
    if lines:
        results.print("Please check:")
    for line in lines:
        results.print(f"  {printable(line)}", markup=False, soft_wrap=True)
    tried = f" --samples {from_}" if from_ else ""
    results.print(
        f"Next: edit the file, try it with `telemetry stream check {path}{tried}`, then `telemetry up`.",
        markup=False,
        soft_wrap=True,
    )
