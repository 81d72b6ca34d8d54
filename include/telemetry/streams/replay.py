"""Replay a file: a recording on its original topics, or records on topics that follow from the stream's file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from telemetry.contracts import topics
from telemetry.contracts.encoding import Csv
from telemetry.contracts.model import Stream
from telemetry.devices.messages import DeviceMessage, check_size
from telemetry.devices.replay import CSV_ENDINGS, replay
from telemetry.errors import TelemetryError
from telemetry.lake.envelopes import in_envelope
from telemetry.streams.recordings import Sample, read_recordings


def recorded_messages(path: Path, stream: Stream, *, as_history: bool) -> Iterator[DeviceMessage]:
    """The messages of a file, in its order. As history, a recorded one is in the envelope that it once had, and a line
    of CSV in one of its event time: a line break in a payload would end a line of the lake.

    Raises:
        TelemetryError: ``FILE:LINE: what is wrong``.
    """
    first = None if path.suffix.lower() in CSV_ENDINGS else next(islice(read_recordings(path), 1), None)
    if first is None or first.topic is None:
        messages = replay(path, stream, for_topics=not as_history)
        if as_history and isinstance(stream.encoding, Csv):
            yield from (_enveloped(path, message, number, stream) for number, message in enumerate(messages))
        else:
            yield from messages
        return
    for number, sample in enumerate(read_recordings(path)):
        yield _message(sample, number, stream, as_history=as_history)


def _message(sample: Sample, number: int, stream: Stream, *, as_history: bool) -> DeviceMessage:
    if sample.topic is None or not topics.matches(stream.topic, sample.topic):
        raise TelemetryError(f"{sample.where}: topic: {sample.topic!r} is not a topic of {stream.topic!r}.")
    check_size(sample.where, sample.payload)
    if not as_history:
        return DeviceMessage("", sample.payload, sample.received_at, sample.topic)
    if sample.received_at is None:
        raise TelemetryError(
            f"{sample.where}: tst: missing.", "History is written at the time of arrival: record it with %J."
        )
    line = in_envelope(sample.topic, sample.received_at, sample.payload, number)
    return DeviceMessage("", line, sample.received_at, sample.topic)


def _enveloped(path: Path, message: DeviceMessage, number: int, stream: Stream) -> DeviceMessage:
    if message.moment is None:
        raise TelemetryError(
            f"{path}: record {number + 1}: {stream.event_time.path}: no time that fits the contract.",
            "History is written at the time of each record.",
        )
    topic = stream.topic_of(message.device_id)
    return message._replace(payload=in_envelope(topic, message.moment, message.payload, number), topic=topic)
