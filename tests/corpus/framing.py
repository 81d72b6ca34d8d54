"""Several readings in one message: arrays, and records glued as ``}{``."""

from __future__ import annotations

from collections.abc import Iterator

from corpus.model import Payload, Rejects, Row, Speaker, said
from telemetry.contracts.reasons import Reason

GLUES = {"nothing": b"", "a space": b" ", "a newline": b"\n", "CRLF": b"\r\n", "white space": b" \t\r\n \n"}
BAD = {
    "no JSON": (b"{bad}", Reason.not_json),
    "no UTF-8": (b'{"\xff": 1}', Reason.bad_encoding),
    "an empty object": (b"{}", Reason.missing_field),
    "a wrong type": (b'{"device_id": 5.5}', Reason.wrong_type),
    "NaN": (b'{"device_id": NaN}', Reason.not_json),
    "an empty array": (b"[]", Reason.not_object),
    "a closing brace within a text": (b'{"a": "}{"}', Reason.missing_field),
}
ITEMS = {
    "null": (b"null", Reason.not_object),
    "a number": (b"5", Reason.not_object),
    "a text": (b'"],[{"', Reason.not_object),
    "an array": (b"[]", Reason.not_object),
    "an array of readings": (b"[{}]", Reason.not_object),
    "an empty object": (b"{}", Reason.missing_field),
    "brackets within a text": (b'{"a": "]},{\\""}', Reason.missing_field),
    "a NUL": (b'{"device_id": "\\u0000"}', Reason.unstorable_text),
}


def payloads(speaker: Speaker) -> Iterator[Payload]:
    yield from _glued(speaker)
    yield from _arrays(speaker)


def _some(speaker: Speaker, name: str, number: int) -> tuple[list[bytes], list[Row]]:
    """So many good readings, as texts and as rows."""
    devices = [f"{name} {which}" for which in range(number)]
    return [said(speaker.good(device)) for device in devices], [speaker.reads(device) for device in devices]


def _with(
    good: tuple[list[bytes], list[Row]], place: int, text: bytes, reason: Reason
) -> tuple[list[bytes], list[Row]]:
    """With a bad one among them."""
    texts, rows = good
    reject = Rejects(reason, text)
    return [*texts[:place], text, *texts[place:]], [*rows[:place], reject, *rows[place:]]


def _glued(speaker: Speaker) -> Iterator[Payload]:
    for number, (what, glue) in ((n, item) for n in (2, 3, 200) for item in GLUES.items()):
        name = f"{number} glued with {what}"
        texts, rows = _some(speaker, name, number)
        yield speaker.payload(name, glue.join(texts), *rows)
    for what, (text, reason) in BAD.items():
        for place, where in ((0, "first"), (1, "between"), (2, "last")):
            name = f"glued, {what} {where}"
            texts, rows = _with(_some(speaker, name, 2), place, text, reason)
            yield speaker.payload(name, b"".join(texts), *rows)
    for what, tail in (("a brace", b"}"), ("a word", b"x"), ("half a record", b'{"device_id": "d'), ("NUL", b"\0")):
        name = f"a reading and {what}"
        texts, rows = _with(_some(speaker, name, 1), 1, tail, Reason.not_json)
        yield speaker.payload(name, b"".join(texts), *rows)
    for what, head in (("a comma", b","), ("a word", b"x")):
        text = head + said(speaker.good("d"))
        yield speaker.bad(f"{what} and a reading", text, Reason.not_json)
    name = "glued arrays"
    texts, rows = _some(speaker, name, 4)
    yield speaker.payload(name, b"[%s][%s]" % (b",".join(texts[:2]), b",".join(texts[2:])), *rows)
    name = "an array glued to a reading"
    texts, rows = _some(speaker, name, 3)
    yield speaker.payload(name, b"[%s, %s]%s" % tuple(texts), *rows)
    yield speaker.bad("glued, none is JSON", b"{a}{b}", Reason.not_json)
    device = "a backslash at the end"
    text = said(speaker.good(device + "\\"))
    other = speaker.reads(device)
    yield speaker.payload(device, text + said(speaker.good(device)), speaker.reads(device + "\\"), other)


def _arrays(speaker: Speaker) -> Iterator[Payload]:
    for number in (1, 2, 500):
        name = f"an array of {number}"
        texts, rows = _some(speaker, name, number)
        yield speaker.payload(name, b"[" + b",".join(texts) + b"]", *rows)
        name = f"an array of {number} with newlines"
        texts, rows = _some(speaker, name, number)
        yield speaker.payload(name, b"[\n" + b"\n,\n".join(texts) + b"\n]\n", *rows)
    for what, (text, reason) in ITEMS.items():
        for place, where in ((0, "first"), (1, "between"), (2, "last")):
            name = f"an array, {what} {where}"
            texts, rows = _with(_some(speaker, name, 2), place, text, reason)
            yield speaker.payload(name, b"[" + b" , ".join(texts) + b"]", *rows)
    name = "the same reading twice in an array"
    text = said(speaker.good(name))
    yield speaker.payload(name, b"[%s,%s]" % (text, text), speaker.reads(name), speaker.reads(name))
    name = "an array with an unclosed item"
    yield speaker.bad(name, b'[%s, {"a": 1]' % said(speaker.good("d")), Reason.not_json)
    name = "an array that never ends"
    yield speaker.bad(name, b"[%s" % said(speaker.good("d")), Reason.not_json)
    nested = b"[[%s]]" % said(speaker.good("d"))
    yield speaker.bad("an array in an array", nested, Reason.not_object, raw=nested[1:-1])
    zeros = tuple(Rejects(Reason.not_object, b"0") for _ in range(5000))
    yield speaker.payload("an array of 5000 numbers", b"[" + b",".join([b"0"] * 5000) + b"]", *zeros)
