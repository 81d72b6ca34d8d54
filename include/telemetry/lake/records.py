"""From a raw object to its messages, and from a message to its rows: the one way that payloads are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.validate import Outcome, Reading
from telemetry.lake.envelopes import Envelope, envelope_of, open_envelope
from telemetry.lake.json_split import split_array, split_glued
from telemetry.lake.lines import Body, read_lines

LINE_MAX = 2 * 2**20
"""Bytes of a line. SQS takes messages of 1 MiB, which base64 makes four thirds of."""

NO_JSON = (Reason.not_json, Reason.bad_encoding)

CheckPayload = Callable[[Any], Outcome]
"""Takes a decoded payload, gives a reading or a reject, and raises nothing."""


class Row(NamedTuple):
    """What one item of a message came to; ``raw`` is its bytes where it is a reject, none where it is a reading."""

    outcome: Outcome
    raw: bytes


class ParsedMessage(NamedTuple):
    """One message. It has at least one row.

    ``message_id`` and ``day`` (in whole days since 1970, UTC) are its envelope's, where it has one; ``size`` is in
    bytes.
    """

    line: int
    message_id: str | None
    day: int | None
    size: int
    rows: list[Row]


def read_messages(body: Body, check: CheckPayload, longest: int) -> Iterator[ParsedMessage]:
    """Every message of an object, of either lane.

    A line is an envelope, or several that are glued as ``}{``, or a payload itself; an empty line is an empty payload.
    A payload of more than ``longest`` bytes is ``too_large``, and only so many are kept.
    """
    for line in read_lines(body, LINE_MAX):
        if line.fault:
            yield ParsedMessage(line.number, None, None, line.length, [Row(line.fault, line.text[:longest])])
            continue
        document = _decode(line.text) if line.whole else None
        enveloped = _open_envelopes(line.text, document)
        for envelope, payload in enveloped:
            rows = _read(payload, len(payload), _decode(payload), check, longest)
            yield ParsedMessage(line.number, *_header(envelope), len(payload), rows)
        if not enveloped:
            rows = _read(line.text, line.length, document, check, longest)
            yield ParsedMessage(line.number, None, None, line.length, rows)


class MessageHeader(NamedTuple):
    """That a message was received: its envelope's id and day, ``None`` where it has no envelope."""

    message_id: str | None
    day: int | None


def read_headers(body: Body) -> Iterator[MessageHeader]:
    """Every message of an object, without its rows."""
    for line in read_lines(body, LINE_MAX):
        enveloped = _open_envelopes(line.text, _decode(line.text)) if line.whole else []
        yield from (_header(envelope) for envelope, _ in enveloped)
        if not enveloped:
            yield _header(None)


def read_payload(text: bytes, check: CheckPayload) -> list[Row]:
    """The rows of one payload, in order: a reading, an array of readings, or records glued as ``}{``."""
    return _rows(text, _decode(text), check)


def _header(envelope: Envelope | None) -> MessageHeader:
    return MessageHeader(envelope.message_id, envelope.day) if envelope else MessageHeader(None, None)


def _read(text: bytes, length: int, document: Any, check: CheckPayload, longest: int) -> list[Row]:
    if length > longest:
        detail = f"the payload has {length} bytes, more than {longest}; the first {longest} are kept here"
        return [Row(Reject(Reason.too_large, detail), text[:longest])]
    return _rows(text, document, check)


def _rows(text: bytes, payload: Any, check: CheckPayload) -> list[Row]:
    if type(payload) is orjson.JSONDecodeError:
        return _read_glued(text, payload, check)
    if type(payload) is not list:
        return [_row(check(payload), text)]
    if not payload:
        return [Row(Reject(Reason.not_object, "the payload is an empty array"), text)]
    outcomes = [check(item) for item in payload]
    if all(type(outcome) is Reading for outcome in outcomes):
        return [Row(outcome, b"") for outcome in outcomes]
    return [_row(outcome, raw) for outcome, raw in zip(outcomes, split_array(text), strict=True)]


def _decode(text: bytes) -> Any:
    """What the JSON text says, or the error that it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return error


def _open_envelopes(text: bytes, document: Any) -> list[tuple[Envelope | None, bytes]]:
    """The payloads of a line that holds envelopes, and what stands between those; nothing where it holds none."""
    if type(document) is dict:
        opened = [_open(text, document)]
    elif type(document) is orjson.JSONDecodeError and text.startswith(b"{"):
        opened = [_open(part, _decode(part)) for part in split_glued(text)]
    else:
        return []
    return opened if any(envelope for envelope, _ in opened) else []


def _open(text: bytes, document: Any) -> tuple[Envelope | None, bytes]:
    """The payload of an envelope; of anything else, the text itself."""
    envelope = envelope_of(document)
    payload = open_envelope(envelope) if envelope else None
    return (None, text) if payload is None else (envelope, payload)


def _row(outcome: Outcome, raw: bytes) -> Row:
    return Row(outcome, b"" if type(outcome) is Reading else raw)


def _read_glued(text: bytes, error: orjson.JSONDecodeError, check: CheckPayload) -> list[Row]:
    """The rows of a text that is not JSON as a whole: one reject, unless it is records and one of them is JSON."""
    parts = split_glued(text) if text.lstrip().startswith((b"{", b"[")) else []
    if len(parts) > 1:
        rows = [row for part in parts for row in read_payload(part, check)]
        if not all(isinstance(row.outcome, Reject) and row.outcome.reason in NO_JSON for row in rows):
            return rows
    return [Row(_not_json(text, error), text)]


def _not_json(text: bytes, error: orjson.JSONDecodeError) -> Reject:
    try:
        text.decode()
    except UnicodeDecodeError as wrong:
        return Reject(Reason.bad_encoding, f"not UTF-8 at byte {wrong.start}")
    return Reject(Reason.not_json, str(error))
