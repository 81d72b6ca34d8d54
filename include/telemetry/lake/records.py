"""Read a raw object's messages: its lines, and the envelopes in them. ``payloads`` reads what is in a payload."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from telemetry.contracts.reader import Arrival
from telemetry.contracts.reasons import Reason, Reject
from telemetry.lake.envelopes import DAY_MILLISECONDS, Envelope, envelope_of, open_envelope
from telemetry.lake.json_split import split_glued
from telemetry.lake.lines import Body, read_lines
from telemetry.lake.payloads import ReadPayload, Row

LINE_MAX = 2 * 2**20
"""Bytes of a line. SQS takes messages of 1 MiB, which base64 makes four thirds of."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_ENVELOPE = (None, None, None, None)


class ParsedMessage(NamedTuple):
    """One message. It has at least one row.

    ``message_id``, ``topic`` and ``received_at`` (in milliseconds since 1970) are its envelope's, where it has one;
    ``size`` is in bytes.
    """

    line: int
    message_id: str | None
    topic: str | None
    received_at: int | None
    size: int
    rows: list[Row]

    @property
    def day(self) -> int | None:
        """The day it was received, in days since 1970 (UTC); ``None`` if it has no envelope."""
        return None if self.received_at is None else self.received_at // DAY_MILLISECONDS


def read_messages(body: Body, read: ReadPayload, latest: datetime, longest: int) -> Iterator[ParsedMessage]:
    """Yield every message of an object, of either lane; ``latest`` is the latest event time that they can have.

    A line is an envelope, or several that are glued as ``}{``, or a payload itself; an empty line is an empty payload.
    A payload of more than ``longest`` bytes is ``too_large``, and only so many are kept.
    """
    for line in read_lines(body, LINE_MAX):
        if line.fault:
            yield ParsedMessage(line.number, None, None, None, line.length, [Row(line.fault, line.text[:longest])])
            continue
        enveloped = _open_envelopes(line.text) if line.whole else []
        for envelope, payload in enveloped:
            message_id, topic, received_at, _ = envelope or NO_ENVELOPE
            rows = _read(payload, len(payload), read, Arrival(topic, received_at, latest), longest)
            yield ParsedMessage(line.number, message_id, topic, received_at, len(payload), rows)
        if not enveloped:
            rows = _read(line.text, line.length, read, Arrival(None, None, latest), longest)
            yield ParsedMessage(line.number, None, None, None, line.length, rows)


class MessageHeader(NamedTuple):
    """The receipt of a message: its envelope's id and day, ``None`` if it has no envelope."""

    message_id: str | None
    day: int | None


def read_headers(body: Body) -> Iterator[MessageHeader]:
    """Yield every message of an object, without its rows."""
    for line in read_lines(body, LINE_MAX):
        enveloped = _open_envelopes(line.text) if line.whole else []
        for envelope, _ in enveloped or [(None, b"")]:
            yield MessageHeader(envelope.message_id, envelope.day) if envelope else MessageHeader(None, None)


def moment_of(message: ParsedMessage) -> datetime | None:
    """Return when a message was received, if its envelope says so."""
    return None if message.received_at is None else EPOCH + timedelta(milliseconds=message.received_at)


def _read(text: bytes, length: int, read: ReadPayload, arrival: Arrival, longest: int) -> list[Row]:
    if length > longest:
        detail = f"the payload has {length} bytes, more than {longest}; the first {longest} are kept here"
        return [Row(Reject(Reason.too_large, detail), text[:longest])]
    return read(text, arrival)


def _open_envelopes(text: bytes) -> list[tuple[Envelope | None, bytes]]:
    """The payloads of a line that holds envelopes, and what stands between those; nothing where it holds none."""
    if b'"message_id"' not in text:
        return []
    document = _decode(text)
    if document is not None:
        opened = _open(text, document)
        return [opened] if opened[0] else []
    glued = split_glued(text) if text.startswith(b"{") else []
    opened_parts = [_open(part, _decode(part)) for part in glued]
    return opened_parts if any(envelope for envelope, _ in opened_parts) else []


def _decode(text: bytes) -> Any:
    """Parse a JSON text; ``None`` if it is not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _open(text: bytes, document: Any) -> tuple[Envelope | None, bytes]:
    """The payload of an envelope; of anything else, the text itself."""
    envelope = envelope_of(document)
    payload = open_envelope(envelope) if envelope else None
    return (None, text) if payload is None else (envelope, payload)
