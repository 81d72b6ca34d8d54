"""Payloads of another shape than the contract's: types, missing and surplus fields, the same name twice, depth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from corpus.model import CONTRACTS, HERE, Payload, Speaker, changed, said
from telemetry.contracts.model import FieldType
from telemetry.contracts.reasons import Reason

OF_EACH_TYPE: dict[str, Any] = {
    "a string": "21.5",
    "an empty string": "",
    "an integer": 1,
    "a number": 1.5,
    "a boolean": True,
    "an array": [21.5],
    "an empty array": [],
    "an object": {"value": 21.5},
    "an empty object": {},
}
NUMBERS = {"an integer", "a number"}
STRINGS = {"a string", "an empty string"}

NO_OBJECT = {
    "null": b"null",
    "true": b"true",
    "false": b"false",
    "zero": b"0",
    "a number": b"-1.5e3",
    "a text": b'"text"',
    "an empty text": b'""',
    "JSON within a text": json.dumps('{"device_id": "d"}').encode(),
    "an empty array": b"[]",
}

SURPLUS: dict[str, Any] = {
    "an empty name": {"": 1},
    "a name of white space": {" ": 1, "\t": 2},
    "another case": {"Device_ID": "x", "TEMPERATURE": 1},
    "a path as a name": {"data.temp": 1, "a.b.c": 2},
    "columns of the table": {"reading_id": "x", "load_id": 1, "line": 2, "item": 3, "message_id": "m", "extra": {}},
    "system columns": {"ctid": 1, "xmin": 2, "oid": 3, "tableoid": 4},
    "JavaScript": {"__proto__": {"admin": True}, "constructor": {"prototype": 1}},
    "Python": {"__class__": 1, "self": 2, "None": None},
    "SQL": {"a); DROP TABLE loads; --": 1, '"': 2},
    "a name of quotes": {'"a" "b"': "'", "\\": "\\"},
    "a long name": {"n" * 10_000: 1},
    "a thousand names": {f"n{number}": number for number in range(1000)},
    "null": {"note": None},
    "mixed": {"note": [None, True, -1, 1.5, "x", [], {}, [[1]], {"a": {"b": None}}]},
    "an emoji as a name": {"🌡️": "🥵"},
    "names that differ in composition": {"é": 1, "e\u0301": 2},
}


def payloads(speaker: Speaker) -> Iterator[Payload]:
    for what, text in NO_OBJECT.items():
        yield speaker.bad(f"no object: {what}", text, Reason.not_object)
    yield speaker.bad("an empty object", b"{}", Reason.missing_field)
    yield from _fields(speaker)
    yield from _devices(speaker)
    yield from _surplus(speaker)
    yield from _twice(speaker)
    yield from _deep(speaker)


def _fields(speaker: Speaker) -> Iterator[Payload]:
    """Each of the contract's fields: missing, null, and of every type that is not its own."""
    contract = CONTRACTS[speaker.stream]
    required = {"device_id", "event_time", *(name for name, field in contract.fields.items() if field.required)}
    for name in speaker.paths:
        yield from _absent(speaker, name, name in required)
        own = _own_types(speaker.stream, name)
        for what, value in OF_EACH_TYPE.items():
            if what not in own:
                document = speaker.good("d", **{name: value})
                yield speaker.bad(f"{name} is {what}", said(document), Reason.wrong_type)
    if speaker.stream == "environment":
        for what in OF_EACH_TYPE.keys() - {"an object", "an empty object"}:
            document = changed(speaker.good("d"), data=OF_EACH_TYPE[what])
            yield speaker.bad(f"data is {what}", said(document), Reason.missing_field)
        for what, data in (("null", None), ("an empty object", {})):
            yield speaker.bad(f"data is {what}", said(changed(speaker.good("d"), data=data)), Reason.missing_field)


def _absent(speaker: Speaker, name: str, required: bool) -> Iterator[Payload]:
    for what in ("missing", "null"):
        device = f"{name} is {what}"
        document = speaker.without(device, name) if what == "missing" else speaker.good(device, **{name: None})
        if required:
            yield speaker.bad(device, said(document), Reason.missing_field)
        else:
            yield speaker.payload(device, said(document), speaker.reads(device, **{name: None}))


def _own_types(stream: str, name: str) -> set[str]:
    contract = CONTRACTS[stream]
    if name == "event_time":
        return STRINGS if stream == "telemetry" else NUMBERS
    if name == "device_id":
        return STRINGS | {"an integer"}
    if contract.fields[name].type is FieldType.string:
        return STRINGS
    return {"a boolean"} if contract.fields[name].type is FieldType.boolean else NUMBERS


def _devices(speaker: Speaker) -> Iterator[Payload]:
    yield speaker.bad("an empty device", said(speaker.good("")), Reason.out_of_range)
    for what, character in (("letters", "x"), ("emoji", "😀"), ("control characters", "\x01")):
        longest = character * 256
        yield speaker.payload(f"a device of 256 {what}", said(speaker.good(longest)), speaker.reads(longest))
        for length in (257, 3000, 20_000):
            document = said(speaker.good(character * length))
            yield speaker.bad(f"a device of {length} {what}", document, Reason.out_of_range)


def _surplus(speaker: Speaker) -> Iterator[Payload]:
    """What the contract does not name is kept as it is."""
    for what, extra in SURPLUS.items():
        device = f"surplus: {what}"
        yield speaker.payload(device, said(changed(speaker.good(device), **extra)), speaker.reads(device).beside(extra))
    if speaker.stream == "environment":
        device = "surplus within"
        document = speaker.good(device)
        document["data"]["note"] = {"temp": 5}
        reading = speaker.reads(device).beside({"data": {"note": {"temp": 5}}})
        yield speaker.payload(device, said(document), reading)


def _twice(speaker: Speaker) -> Iterator[Payload]:
    """The same name twice: the last one counts, as JSON libraries have it."""
    device = speaker.paths["device_id"]
    for what, first in (("a good", b'"other"'), ("a bad", b"[]"), ("a null", b"null"), ("a NUL", b'"\\u0000"')):
        name = f"twice: {what} device first"
        text = b'{"%s": %s, %s' % (device.encode(), first, said(speaker.good(name))[1:])
        yield speaker.payload(name, text, speaker.reads(name))
    text = b'%s, "%s": 5.5}' % (said(speaker.good("d"))[:-1], device.encode())
    yield speaker.bad("twice: a bad device last", text, Reason.wrong_type)
    name = "twice: one of them escaped"
    text = b'{"%s": "other", %s' % (device.encode().replace(b"e", b"\\u0065"), said(speaker.good(name))[1:])
    yield speaker.payload(name, text, speaker.reads(name))
    name = "twice: surplus"
    text = b'%s, "note": 1, "note": 2}' % said(speaker.good(name))[:-1]
    yield speaker.payload(name, text, speaker.reads(name).beside({"note": 2}))
    if speaker.stream == "environment":
        name = "twice: an object"
        text = b'{"data": {"temp": 1, "humidity": 1, "co": 1}, %s' % said(speaker.good(name))[1:]
        yield speaker.payload(name, text, speaker.reads(name))


def _deep(speaker: Speaker) -> Iterator[Payload]:
    for depth in (2_000, 10_000, 100_000):
        for what, begin, end in (("arrays", b"[", b"]"), ("objects", b'{"a":', b"}")):
            whole = begin * depth + b"1" + end * depth
            if len(whole) < 250_000:
                yield speaker.bad(f"{depth} {what}", whole, Reason.not_json)
                surplus = said(changed(speaker.good("d"), note=HERE), whole)
                yield speaker.bad(f"{depth} {what} beside a reading", surplus, Reason.not_json)
                yield speaker.bad(f"{depth} {what} that never end", begin * depth, Reason.not_json)
    for what, opening, closing, deepest in (("arrays", "[", "]", 252), ("objects", '{"a":', "}", 253)):
        for depth in (100, deepest - 1, deepest, deepest + 1, deepest + 2, 1_000):
            name = f"{depth} {what} beside a reading"
            note = opening * depth + "1" + closing * depth
            text = said(changed(speaker.good(name), note=HERE), note)
            if depth <= deepest:
                yield speaker.payload(name, text, speaker.reads(name).beside({"note": json.loads(note)}))
            else:
                yield speaker.bad(name, text, Reason.too_deep)
