"""Turn a payload's bytes into rows: decode them with the stream's encoding, and read them with its contract."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from telemetry.contracts import topics
from telemetry.contracts.decoders import decoder
from telemetry.contracts.encoding import Json
from telemetry.contracts.model import Stream
from telemetry.contracts.reader import Arrival, Filtered, compile_reader, level_reader
from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.validate import Outcome, Reading, compile_contract
from telemetry.encodings import UndecodableError, exact_json
from telemetry.lake.json_split import split_array, split_glued

NOT_JSON = (Reason.not_json, Reason.bad_encoding)


class Row(NamedTuple):
    """What one reading of a message came to.

    ``raw`` is kept of a reject: the reading's own text where the payload is an array or several glued records, else the
    whole payload, of which ``reading`` says which one it is, from 0.
    """

    outcome: Outcome | Filtered
    raw: bytes
    reading: int | None = None


ReadPayload = Callable[[bytes, Arrival], list[Row]]
"""The rows of one payload, in order, at least one; raises nothing."""


def compile_payload_reader(stream: Stream) -> ReadPayload:
    """The stream's way from bytes to rows, made once for many payloads."""
    if isinstance(stream.encoding, Json):
        return _json_reader(stream, stream.encoding)
    read, decode = compile_reader(stream), decoder(stream.encoding)

    def read_payload(text: bytes, arrival: Arrival) -> list[Row]:
        try:
            document = decode(text, arrival.received_at)
        except UndecodableError as error:
            return [Row(Reject(Reason.not_decodable, str(error)), text)]
        except RecursionError:
            return [Row(Reject(Reason.too_deep, "the payload nests too deep"), text)]
        return _rows(read(document, arrival), text)

    return read_payload


def _json_reader(stream: Stream, encoding: Json) -> ReadPayload:
    read_plain = _plain_reader(stream) if stream.is_plain else None
    read, takes_arrays = compile_reader(stream), stream.takes_arrays

    def read_json(text: bytes, arrival: Arrival) -> list[Row]:
        plain = exact_json.decode_plainly(text) if read_plain else None
        if read_plain and plain is not None:
            return read_plain(plain, text, arrival)
        document = exact_json.decode(text, allow_nan=encoding.allow_nan)
        outcomes = read(document, arrival)
        if takes_arrays and type(document) is list and len(document) == len(outcomes):
            return [_row(outcome, raw) for outcome, raw in zip(outcomes, split_array(text), strict=True)]
        return _rows(outcomes, text)

    return framed(read_json)


def framed(read_json: ReadPayload) -> ReadPayload:
    """Reads also records that are glued as ``}{``; ``read_json`` raises ``orjson.JSONDecodeError`` on those."""

    def read_payload(text: bytes, arrival: Arrival) -> list[Row]:
        try:
            return read_json(text, arrival)
        except orjson.JSONDecodeError as error:
            return _read_glued(text, error, arrival, read_payload)

    return read_payload


def _plain_reader(stream: Stream) -> Callable[[Any, bytes, Arrival], list[Row]]:
    validate, levels_of = compile_contract(stream), level_reader(stream)
    is_compared = topics.DEVICE in stream.level_numbers and not stream.gateway

    @lru_cache(4096)
    def device_of(topic: str | None) -> str | None:
        return levels_of(topic).get(topics.DEVICE) if is_compared else None

    def check(payload: Any, latest: datetime, device: str | None) -> Outcome:
        outcome = validate(payload, latest)
        if device is not None and type(outcome) is Reading and outcome.device_id != device:
            return WRONG_DEVICE
        return outcome

    def read(document: Any, text: bytes, arrival: Arrival) -> list[Row]:
        topic, _, latest = arrival
        device = device_of(topic) if is_compared else None
        if type(document) is not list:  # as check_items has it, with fewer steps: nearly every payload is one reading
            outcome = check(document, latest, device)
            return [Row(outcome, b"" if type(outcome) is Reading else text)]
        return check_items(document, text, lambda item: check(item, latest, device))

    return read


def check_items(document: Any, text: bytes, check: Callable[[Any], Outcome]) -> list[Row]:
    """The rows of a decoded JSON text: a reading, or an array of readings."""
    if type(document) is not list:
        return [_row(check(document), text)]
    if not document:
        return [Row(Reject(Reason.not_object, "the payload is an empty array"), text)]
    outcomes = [check(item) for item in document]
    if all(type(outcome) is Reading for outcome in outcomes):
        return [Row(outcome, b"") for outcome in outcomes]
    return [_row(outcome, raw) for outcome, raw in zip(outcomes, split_array(text), strict=True)]


WRONG_DEVICE = Reject(Reason.wrong_device, "the payload names another device than the topic")


def _rows(outcomes: list[Outcome | Filtered], text: bytes) -> list[Row]:
    if len(outcomes) == 1:
        return [_row(outcomes[0], text)]
    return [_row(outcome, text, number) for number, outcome in enumerate(outcomes)]


def _row(outcome: Outcome | Filtered, raw: bytes, reading: int | None = None) -> Row:
    return Row(outcome, raw, reading) if type(outcome) is Reject else Row(outcome, b"")


def _read_glued(text: bytes, error: orjson.JSONDecodeError, arrival: Arrival, read: ReadPayload) -> list[Row]:
    """The rows of a text that is not JSON as a whole: one reject, unless it is records and one of them is JSON."""
    parts = split_glued(text) if text.lstrip().startswith((b"{", b"[")) else []
    if len(parts) > 1:
        rows = [row for part in parts for row in read(part, arrival)]
        if not all(isinstance(row.outcome, Reject) and row.outcome.reason in NOT_JSON for row in rows):
            return rows
    return [Row(_not_json(text, error), text)]


def _not_json(text: bytes, error: orjson.JSONDecodeError) -> Reject:
    try:
        text.decode()
    except UnicodeDecodeError as wrong:
        return Reject(Reason.bad_encoding, f"not UTF-8 at byte {wrong.start}")
    return Reject(Reason.not_json, str(error))
