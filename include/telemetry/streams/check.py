"""Try a stream on messages: the readings of each message, and what would be quarantined and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from telemetry.contracts import topics
from telemetry.contracts.model import Stream
from telemetry.contracts.reader import Arrival
from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.validate import Reading
from telemetry.lake.payloads import Row, compile_payload_reader
from telemetry.streams.recordings import Sample


class Fate(StrEnum):
    """What becomes of a message, or of one of its readings."""

    reading = "reading"
    quarantined = "quarantined"
    filtered = "filtered"
    """The stream's ``where`` leaves it out."""
    not_taken = "not_taken"
    """The stream's topic filter does not take its topic: the stream never sees it."""


class Result(NamedTuple):
    """What one reading of a message becomes; ``advice`` says what to do where it would be quarantined."""

    fate: Fate
    device_id: str | None = None
    event_time: datetime | None = None
    values: dict[str, Any] | None = None
    extra: str | None = None
    nulled: int = 0
    reason: Reason | None = None
    detail: str = ""
    advice: str = ""


class Checked(NamedTuple):
    """A message and what its readings become: at least one result."""

    sample: Sample
    results: list[Result]


ADVICE = {
    Reason.not_json: "If the payload is not JSON, name its encoding.",
    Reason.not_decodable: "Is the encoding the right one? A damaged message stays in the quarantine.",
    Reason.bad_encoding: "If the payload is no text, name its encoding, such as cbor or msgpack.",
    Reason.not_object: "Say with `readings` where in the payload the readings are; a bare value is at the path $.",
    Reason.missing_field: "Does the path lead to the value? If not all messages have it, leave out `required`.",
    Reason.wrong_type: "Give the field another type, accept text or numbers with `accept`, list `null_values`, or use "
    "`on_error: null`.",
    Reason.out_of_range: "Widen the range, or list the value in `null_values` if it means none.",
    Reason.not_one_of: "Add the value to `one_of`, or leave that out.",
    Reason.wrong_device: "If publishers speak for other devices, say `gateway: true`, or name the topic's levels.",
    Reason.bad_timestamp: "Check format and timezone of the time; with `on_error: received` the arrival "
    "takes its place.",
    Reason.future_timestamp: "Check format and timezone of the event time, and the device's clock.",
    Reason.too_large: "The payload repeats too much with each reading.",
    Reason.too_deep: "The payload nests too deep.",
    Reason.unstorable_text: "PostgreSQL cannot hold the text; leave the field out, and it is kept in `extra`.",
}
NO_TOPIC = "The recording has no topic; give one with --topic."


def check_samples(
    stream: Stream, samples: Iterable[Sample], *, topic: str | None = None, now: datetime | None = None
) -> Iterator[Checked]:
    """What becomes of each message, in order.

    ``topic`` and ``now`` stand in where a recording does not say what topic a message came on, and when.
    """
    read = compile_payload_reader(stream)
    moment = now or datetime.now(UTC)
    ahead = timedelta(seconds=stream.event_time_ahead_seconds)
    for sample in samples:
        came_on, received_at = sample.topic or topic, sample.received_at or moment
        if came_on is not None and not topics.matches(stream.topic, came_on):
            detail = f"the filter {stream.topic} does not take the topic {came_on}"
            yield Checked(sample, [Result(Fate.not_taken, detail=detail)])
            continue
        rows = read(sample.payload, Arrival(came_on, received_at, received_at + ahead))
        yield Checked(sample, [_result(stream, row, has_topic=came_on is not None) for row in rows])


def _result(stream: Stream, row: Row, *, has_topic: bool) -> Result:
    outcome = row.outcome
    if isinstance(outcome, Reading):
        values = dict(zip(stream.fields, outcome.values, strict=True))
        return Result(Fate.reading, outcome.device_id, outcome.event_time, values, outcome.extra, outcome.nulled)
    if isinstance(outcome, Reject):
        is_topic_missing = outcome.reason is Reason.missing_field and "topic" in outcome.detail and not has_topic
        advice = NO_TOPIC if is_topic_missing else ADVICE.get(outcome.reason, "")
        return Result(Fate.quarantined, reason=outcome.reason, detail=outcome.detail, advice=advice)
    return Result(Fate.filtered)
