"""Raw objects' lines: empty, too long, envelopes, and what is almost one."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

from corpus.files import no_json, some, zipped
from corpus.model import RawObject, Speaker, said
from telemetry.config.settings import load_settings
from telemetry.contracts.reasons import Reason

LINE_MAX = 2 * 2**20
"""Bytes of the longest line that is looked at: the limit of an SQS message in base64, and some more."""


def envelope(payload: bytes, message_id: str, received_at: int, /, **changes: Any) -> dict[str, Any]:
    """What the topic rule makes of a message; a change to ``...`` takes the name out."""
    text = b64encode(payload).decode()
    document = {"message_id": message_id, "topic": "devices/d/telemetry", "received_at": received_at, "payload": text}
    return {name: value for name, value in {**document, **changes}.items() if value is not ...}


def objects(speaker: Speaker) -> Iterator[RawObject]:
    yield from _lines(speaker)
    yield from _envelopes(speaker)
    yield from _not_quite_envelopes(speaker)


def _lines(speaker: Speaker) -> Iterator[RawObject]:
    limit = load_settings().transform.record_bytes_max
    empty = (Reason.not_json, b"")
    for number in (1, 2, 1000):
        yield RawObject(f"{number} newlines", zipped(b"\n" * number), number, rejects=(empty,) * number)
    for what, glue, end in (
        ("no newline at the end", b"\n", b""),
        ("CRLF", b"\r\n", b"\r\n"),
        ("CRLF, none at the end", b"\r\n", b""),
    ):
        texts, readings = some(speaker, what, 3)
        yield RawObject(what, zipped(glue.join(texts) + end), 3, readings)
    name = "an empty line between"
    texts, readings = some(speaker, name, 2)
    yield RawObject(name, zipped(b"\n\n".join(texts)), 3, readings, (empty,))
    for what, line in (
        ("longer than a chunk", b"x" * 100_000),
        ("that is too long", b"x" * (limit + 1)),
        ("longer than any envelope", b"\xff" * (LINE_MAX + 1)),
        ("of 20 MB", b"\0" * 20_000_000),
        ("of an envelope that is cut off", b'{"message_id": "' + b"x" * LINE_MAX),
    ):
        name = f"a line {what}"
        texts, readings = some(speaker, name, 2)
        kept = (Reason.too_large if len(line) > limit else Reason.not_json, line[:limit])
        yield RawObject(name, zipped(b"\n".join([texts[0], line, texts[1]])), 3, readings, (kept,))
    name = "glued on one line, all of them"
    texts, readings = some(speaker, name, 1000)
    yield RawObject(name, zipped(b"".join(texts)), 1, readings)


def _envelopes(speaker: Speaker) -> Iterator[RawObject]:
    """Envelopes as they should be, and everything in them that should not."""
    received = int(speaker.hour.timestamp() * 1000)

    def line(payload: bytes, message_id: str, **changes: Any) -> bytes:
        return json.dumps(envelope(payload, message_id, received, **changes)).encode()

    for what, glue in (("a line each", b"\n"), ("glued", b""), ("glued with a space", b" "), ("CRLF", b"\r\n")):
        name = f"envelopes, {what}"
        texts, readings = some(speaker, name, 3)
        lines = [line(text, f"{name}-{n}".replace(" ", "_")) for n, text in enumerate(texts)]
        yield RawObject(name, zipped(glue.join(lines)), 3, readings)
        name = f"bad payloads in envelopes, {what}"
        bad = [b"nonsense", b"\xff", b"", b"a\nb"]
        lines = [line(text, f"{name}-{n}".replace(" ", "_")) for n, text in enumerate(bad)]
        yield RawObject(name, zipped(glue.join(lines)), 4, rejects=tuple(map(no_json, bad)))
    yield from _glued_to_envelopes(speaker, line)
    name = "a message twice"
    texts, readings = some(speaker, name, 2)
    lines = [line(texts[0], "twice"), line(texts[0], "twice"), line(texts[1], "once")]
    yield RawObject(name, zipped(b"\n".join(lines)), 2, readings)
    name = "another message under the same id"  # which no topic rule makes: an id is one message
    texts, readings = some(speaker, name, 2)
    yield RawObject(name, zipped(b"\n".join(line(text, "same-id") for text in texts)), 1, readings[:1])
    name = "an envelope without a topic"
    texts, readings = some(speaker, name, 1)
    yield RawObject(name, zipped(line(texts[0], "no-topic", topic=None)), 1, readings)
    name = "several readings in an envelope"
    texts, readings = some(speaker, name, 4)
    body = [line(b"[%s,%s]" % tuple(texts[:2]), "array"), line(b"".join(texts[2:]), "glued")]
    yield RawObject(name, zipped(b"\n".join(body)), 2, readings)
    name = "an envelope in an envelope"
    texts, _ = some(speaker, name, 1)
    inner = line(texts[0], "inner")
    yield RawObject(name, zipped(line(inner, "outer")), 1, rejects=((Reason.missing_field, inner),))
    name = "the names in another order, and spaces"
    texts, readings = some(speaker, name, 1)
    document = dict(reversed(envelope(texts[0], "reversed", received).items()))
    yield RawObject(
        name, zipped(b"  " + json.dumps(document, indent=None, separators=(" , ", " : ")).encode()), 1, readings
    )


def _glued_to_envelopes(speaker: Speaker, line: Callable[[bytes, str], bytes]) -> Iterator[RawObject]:
    """What stands between envelopes is a message of its own, and harms none of them."""
    for what, part in (("nonsense", b"{bad}"), ("no UTF-8", b'{"\xff": 1}'), ("a closing brace", b"}"), ("NUL", b"\0")):
        name = f"{what} between envelopes"
        texts, readings = some(speaker, name, 2)
        ids = [f"{name}-{n}".replace(" ", "_") for n in range(2)]
        body = line(texts[0], ids[0]) + part + line(texts[1], ids[1])
        yield RawObject(name, zipped(body), 3, readings, (no_json(part),))
    name = "a reading without an envelope between two with one"
    texts, readings = some(speaker, name, 3)
    yield RawObject(name, zipped(line(texts[0], "outer-0") + texts[1] + line(texts[2], "outer-2")), 3, readings)
    name = "the end of an envelope that was cut off, glued"
    texts, readings = some(speaker, name, 1)
    half = line(texts[0], "half")[:40]
    yield RawObject(name, zipped(line(texts[0], "whole") + half), 2, readings, ((Reason.not_json, half),))


def _not_quite_envelopes(speaker: Speaker) -> Iterator[RawObject]:
    """A line that is no envelope is a payload itself: as it names no device, it is a reject with all of its bytes."""
    received = int(speaker.hour.timestamp() * 1000)
    text = said(speaker.good("within"))
    wrong: dict[str, dict[str, Any]] = {
        "payload is no base64": {"payload": "not base64!"},
        "payload is base64 without its end": {"payload": b64encode(text).decode().rstrip("=")[:-1]},
        "payload has a newline": {"payload": b64encode(text).decode() + "\n"},
        "payload is URL-safe base64": {"payload": "_-_-"},
        "payload is not ASCII": {"payload": "é"},
        "payload is an object": {"payload": {"device_id": "d"}},
        "payload is null": {"payload": None},
        "payload is missing": {"payload": ...},
        "message_id is missing": {"message_id": ...},
        "message_id is null": {"message_id": None},
        "message_id is a number": {"message_id": 5},
        "message_id is empty": {"message_id": ""},
        "message_id has a NUL": {"message_id": "a\0b"},
        "message_id has a space": {"message_id": "a b"},
        "message_id is not ASCII": {"message_id": "é"},
        "message_id is long": {"message_id": "x" * 129},
        "received_at is missing": {"received_at": ...},
        "received_at is a text": {"received_at": "2026-03-01T12:00:00Z"},
        "received_at is a fraction": {"received_at": 1.5},
        "received_at is negative": {"received_at": -1},
        "received_at is in the year 10000": {"received_at": 253_402_300_800_000},
        "received_at is beyond 64 bits": {"received_at": 2**70},
        "received_at is true": {"received_at": True},
        "topic is missing": {"topic": ...},
        "topic is a number": {"topic": 5},
        "a name too many": {"surplus": 1},
    }
    for what, changes in wrong.items():
        name = f"no envelope: {what}"
        texts, readings = some(speaker, name, 2)
        line = json.dumps(envelope(text, "wrong", received, **changes)).encode()
        body = zipped(b"\n".join([texts[0], line, texts[1]]))
        yield RawObject(name, body, 3, readings, ((Reason.missing_field, line),))
    name = "an array of envelopes"
    lines = [json.dumps(envelope(text, f"in-array-{n}", received)).encode() for n in range(2)]
    rejects = tuple((Reason.missing_field, line) for line in lines)
    yield RawObject(name, zipped(b"[" + b", ".join(lines) + b"]"), 1, rejects=rejects)
    name = "half an envelope"
    texts, readings = some(speaker, name, 1)
    yield RawObject(name, zipped(lines[0][:60] + b"\n" + texts[0]), 2, readings, ((Reason.not_json, lines[0][:60]),))
