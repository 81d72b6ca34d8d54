"""Infer a draft of a stream's file from messages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic import ValidationError

from telemetry.contracts.encoding import Encoding, Json
from telemetry.contracts.json_path import write_path
from telemetry.contracts.model import Stream
from telemetry.contracts.parts import NAME
from telemetry.contracts.prepare import compile_preparation
from telemetry.contracts.reasons import Rejected
from telemetry.contracts.topics import UNNAMED, check_filter, matches
from telemetry.errors import TelemetryError
from telemetry.streams.check import Fate, Result, check_samples
from telemetry.streams.inference.device import DeviceGuess, device_of_map, guess_device
from telemetry.streams.inference.doubts import About, Doubt
from telemetry.streams.inference.encodings import decode_samples, guess_encoding
from telemetry.streams.inference.event_time import guess_event_time
from telemetry.streams.inference.fields import FieldGuess, guess_fields
from telemetry.streams.inference.kinds import Kinds
from telemetry.streams.inference.leaves import Columns, ReadingFound, columns_of, without_overlaps
from telemetry.streams.inference.structure import Structure, written_query
from telemetry.streams.inference.topic_levels import TopicLevels, guess_levels
from telemetry.streams.inference.units import units_beside
from telemetry.streams.inference.writer import write_stream
from telemetry.streams.recordings import Sample

SAMPLES_MAX = 1000
"""Messages that are looked at; of more, every so manieth."""
REFUSED_MAX = 200
READINGS_MAX = 5000


class Known(NamedTuple):
    """Answers given by a person, which are not guessed."""

    topic: str | None = None
    """The topic filter."""
    device: str | None = None
    """The one device that the messages are of, where none of them names it."""
    timezone: str | None = None
    """Of times without an offset."""


class Proposal(NamedTuple):
    """A stream's file: its text, the stream that it is, and what is to be looked at in it."""

    text: str
    stream: Stream
    doubts: list[Doubt]


NOTHING_KNOWN = Known()
WHOLE = FieldGuess("payload", {"type": "json", "path": "$"}, "the whole reading")


def infer_stream(name: str, samples: Sequence[Sample], known: Known = NOTHING_KNOWN) -> Proposal:
    """A stream that reads the messages: guessed from ``SAMPLES_MAX`` of them, tried with all of them, and guessed once
    more with some of those that it did not read.

    Raises:
        TelemetryError: no stream can be made of them, and why.
    """
    _refuse(name, known)
    taken, doubts = _taken(samples, known)
    chosen = taken[:: -(-len(taken) // SAMPLES_MAX)]
    draft = _draft(name, chosen, known)
    refused = _refused(draft.stream, taken)
    if refused and len(chosen) < len(taken):
        draft = _draft(name, [*chosen, *(sample for sample, _ in refused[:REFUSED_MAX])], known)
        refused = _refused(draft.stream, taken)
    doubts += [*draft.doubts, *_doubts(refused, len(taken))]
    made_of = f"{len(taken)} message{'s' if len(taken) > 1 else ''}"
    return Proposal(write_stream(draft.head, draft.fields, doubts, made_of), draft.stream, doubts)


class _Draft(NamedTuple):
    head: dict[str, Any]
    fields: list[FieldGuess]
    stream: Stream
    doubts: list[Doubt]


def _draft(name: str, samples: Sequence[Sample], known: Known) -> _Draft:
    doubts: list[Doubt] = []
    encoding, kinds, structure = _shape(samples, doubts)
    readings = structure.readings[:READINGS_MAX]
    columns = {
        path: values
        for path, values in columns_of(readings, structure.query).items()
        if not any(path.steps[: len(steps)] == steps for steps in structure.keyed_lists)
    }
    came = [samples[reading.message.number] for reading in readings]
    device = _device(name, columns, came, structure, known, doubts)
    others = {path: values for path, values in columns.items() if path != device.path}
    time = guess_event_time(others, [sample.received_at for sample in came], known.timezone)
    doubts += time.doubts
    head = _head(name, encoding, kinds, structure, device) | {"event_time": time.document}
    _prepare(head, readings)
    used = [path for path in (device.path, time.path, *kinds.constants) if path is not None]
    left = without_overlaps(columns_of(readings, structure.query), used)
    fields = _fields(left, device.levels, len(readings))
    doubts += [Doubt(About.fields, f"{field.name}: {field.doubt}") for field in fields if field.doubt]
    return _Draft(head, fields, _stream(head, fields), doubts)


def _refuse(name: str, known: Known) -> None:
    if not NAME.fullmatch(name):
        raise TelemetryError(
            f"{name!r} cannot be a stream's name.", "Lower case letters, digits and _, a letter first, at most 40."
        )
    if known.topic is not None:
        try:
            check_filter(known.topic)
        except ValueError as error:
            raise TelemetryError(f"{known.topic!r} is no topic filter: {error}.") from None


def _taken(samples: Sequence[Sample], known: Known) -> tuple[list[Sample], list[Doubt]]:
    """The messages that the wanted topic filter takes."""
    wanted = known.topic
    taken = [one for one in samples if wanted is None or one.topic is None or matches(wanted, one.topic)]
    if not taken:
        raise TelemetryError(
            "There are no messages to draft a stream from."
            if not samples
            else f"None of the {len(samples)} messages has a topic that {wanted} takes."
        )
    left = len(samples) - len(taken)
    said = f"{left} of {len(samples)} messages are on topics that {wanted} does not take"
    return taken, [Doubt(About.topic, said)] if left else []


def _shape(samples: Sequence[Sample], doubts: list[Doubt]) -> tuple[Encoding, Kinds, Structure]:
    found = guess_encoding(samples)
    if found is None:
        raise TelemetryError(
            f"{samples[0].where}: the payloads are in none of the encodings that can be recognised: JSON, SenML, CBOR, "
            "MessagePack, CSV, text.",
            "For Protocol Buffers write the stream's file by hand, with the descriptor beside it.",
        )
    encoding, unsure = found
    kinds = Kinds(decode_samples(samples, encoding))
    structure = Structure(kinds.messages)
    doubts += [*unsure, *kinds.doubts, *structure.doubts]
    if not structure.readings:
        raise TelemetryError(f"{samples[0].where}: no message holds a value.", "Are these the messages you meant?")
    return encoding, kinds, structure


def _device(
    name: str, columns: Columns, came: Sequence[Sample], structure: Structure, known: Known, doubts: list[Doubt]
) -> DeviceGuess:
    """The device and the topic; ``came`` has the message of each reading."""
    seen = [sample.topic for sample in came]
    wanted = known.topic
    if wanted is None and not any(seen):
        wanted = f"devices/+/{name}"
        doubts.append(
            Doubt(
                About.topic, f"the messages do not say on which topics they came: {wanted} is a proposal", must_ask=True
            )
        )
    elif wanted is None:
        number = len(set(seen))
        said = f"made of {number} topic{'s' if number > 1 else ''}: put + where others differ"
        doubts.append(Doubt(About.topic, said))
    levels = guess_levels({topic for topic in seen if topic is not None}, wanted)
    device = device_of_map(levels) if structure.is_map else guess_device(name, columns, seen, levels)
    if "constant" in device.document and known.device is not None:
        device = device._replace(document={"constant": known.device}, doubts=[])
    doubts += device.doubts
    return device


def _head(name: str, encoding: Encoding, kinds: Kinds, structure: Structure, device: DeviceGuess) -> dict[str, Any]:
    """The file's keys before the event time, in the order of docs/streams.md."""
    keyed = [
        {"path": write_path(steps), "key": naming[0] if len(naming) == 1 else list(naming)}
        for steps, naming in structure.keyed_lists.items()
    ]
    head = {
        "stream": name,
        "topic": device.levels.filter,
        "levels": device.levels.written,
        "encoding": _encoding(encoding),
        "where": kinds.conditions,
        "keyed_lists": keyed,
        "readings": written_query(structure.query) if structure.query else None,
        "device": device.document,
    }
    return {key: value for key, value in head.items() if value}


def _encoding(encoding: Encoding) -> str | dict[str, Any] | None:
    """``None`` for plain JSON, which is the default."""
    options = encoding.model_dump(mode="json", exclude_defaults=True)
    if not options:
        return None if isinstance(encoding, Json) else encoding.type
    return {"type": encoding.type, **options}


def _prepare(head: dict[str, Any], readings: Sequence[ReadingFound]) -> None:
    """Make of each reading what the stream's keyed lists make of it, in its place."""
    _, prepare = compile_preparation(_stream(head, [WHOLE]))
    for reading in readings:
        with suppress(Rejected):
            prepare(reading.found.value)


def _fields(columns: Columns, levels: TopicLevels, readings: int) -> list[FieldGuess]:
    """A field for each level of the topic that is named and no device, and for each value."""
    others = [name for name in levels.names if name not in (*levels.device, UNNAMED, "")]
    fields = [FieldGuess(name, {"level": name, "type": "string"}, "a level of the topic") for name in others]
    units = units_beside(columns)
    beside = {path for path, _ in units.values()}
    values = {path: column for path, column in columns.items() if path not in beside}
    fields += guess_fields(values, readings, others, {path: unit for path, (_, unit) in units.items()})
    return fields or [WHOLE]


def _stream(head: dict[str, Any], fields: Sequence[FieldGuess]) -> Stream:
    try:
        return Stream.model_validate({**head, "fields": {field.name: field.document for field in fields}})
    except ValidationError as error:
        said = "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())
        raise TelemetryError(
            f"No stream could be made of the messages: {said}.", "Write the stream's file by hand; see docs/streams.md."
        ) from error


def _refused(stream: Stream, samples: Sequence[Sample]) -> list[tuple[Sample, Result]]:
    """The messages of which something would be quarantined, each with what.

    Raises:
        TelemetryError: the stream reads nothing.
    """
    checked = list(check_samples(stream, samples, topic=stream.topic_of("device")))
    refused = [(one.sample, result) for one in checked for result in one.results if result.fate is Fate.quarantined]
    if not any(result.fate is Fate.reading for one in checked for result in one.results):
        sample, said = (refused[0][0], refused[0][1].detail) if refused else (samples[0], "it is left out")
        raise TelemetryError(
            f"{sample.where}: no stream could be made that reads the messages: {said}.",
            "Write the stream's file by hand, and try it with `telemetry stream check`; see docs/streams.md.",
        )
    return refused


def _doubts(refused: Sequence[tuple[Sample, Result]], messages: int) -> list[Doubt]:
    if not refused:
        return []
    sample, result = refused[0]
    number = len({sample.where for sample, _ in refused})
    said = f"{number} of {messages} would be quarantined, the first at {sample.where}: {result.reason}, {result.detail}"
    return [Doubt(About.messages, said)]
