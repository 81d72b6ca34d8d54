"""From a raw object to its messages, and from a message to its rows: the one way that payloads are read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.validate import Outcome, Reading
from telemetry.lake.lines import Body, Line, read_lines
from telemetry.lake.partitions import Lane
from telemetry.lake.spans import split_array, split_glued

ENVELOPE_MAX = 8 * 2**20
"""Bytes of a queue object's line. SQS takes messages of 1 MiB; as JSON a byte takes six at most."""
MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,128}")

NO_JSON = (Reason.not_json, Reason.bad_encoding)

Check = Callable[[Any], Outcome]
"""Takes a decoded payload, gives a reading or a reject, and raises nothing."""


class Row(NamedTuple):
    """What one item of a message came to; ``raw`` is its bytes where it is a reject, none where it is a reading."""

    outcome: Outcome
    raw: bytes


class Message(NamedTuple):
    """One message: a line of the object. It has at least one row.

    ``message_id`` is SQS's, in the queue lane; ``size`` is in bytes.
    """

    line: int
    message_id: str | None
    size: int
    rows: list[Row]


def read_messages(body: Body, lane: Lane, check: Check, longest: int) -> Iterator[Message]:
    """Every message of an object. An empty line is none; a payload of more than ``longest`` bytes is ``too_large``."""
    if lane is Lane.lake:
        for number, text, fault in read_lines(body, longest):
            yield Message(number, None, len(text), [Row(fault, text)] if fault else read_payload(text, check))
    else:
        for line in read_lines(body, ENVELOPE_MAX):
            yield _open_envelope(line, check, longest)


def read_payload(text: bytes, check: Check) -> list[Row]:
    """The rows of one payload, in order: a reading, an array of readings, or records glued as ``}{``."""
    try:
        payload = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _read_glued(text, error, check)
    if type(payload) is not list:
        return [_row(check(payload), text)]
    if not payload:
        return [Row(Reject(Reason.not_object, "the payload is an empty array"), text)]
    outcomes = [check(item) for item in payload]
    if all(type(outcome) is Reading for outcome in outcomes):
        return [Row(outcome, b"") for outcome in outcomes]
    return [_row(outcome, raw) for outcome, raw in zip(outcomes, split_array(text), strict=True)]


def _row(outcome: Outcome, raw: bytes) -> Row:
    return Row(outcome, b"" if type(outcome) is Reading else raw)


def _read_glued(text: bytes, error: orjson.JSONDecodeError, check: Check) -> list[Row]:
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


def _open_envelope(line: Line, check: Check, longest: int) -> Message:
    """A queue object's line. The body is text; what of it is no Unicode text comes out as bytes that are not UTF-8."""
    number, text, fault = line
    if fault:
        return Message(number, None, len(text), [Row(fault, text[:longest])])
    try:
        envelope = json.loads(text)
        message_id = envelope["message_id"]
        payload = envelope["body"].encode("utf-8", "surrogatepass")
        if not MESSAGE_ID.fullmatch(message_id):
            raise ValueError("not an id of SQS")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        fault = Reject(Reason.not_object, "the line is no envelope of a queue message")
        return Message(number, None, len(text), [Row(fault, text[:longest])])
    if len(payload) > longest:
        detail = f"the record has {len(payload)} bytes, more than {longest}; the first {longest} are kept here"
        return Message(number, message_id, len(text), [Row(Reject(Reason.too_large, detail), payload[:longest])])
    return Message(number, message_id, len(text), read_payload(payload, check))
