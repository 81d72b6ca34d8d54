"""Reading raw objects: every byte ends in a row, and nothing that is in an object raises."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.contracts.reader import Arrival
from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.validate import Outcome, Reading
from telemetry.lake.envelopes import as_line
from telemetry.lake.json_split import split_array, split_glued
from telemetry.lake.lines import CHUNK, read_lines
from telemetry.lake.payloads import Row, check_items, framed
from telemetry.lake.records import ParsedMessage, read_headers, read_messages

LONGEST = 1000
GOOD = Reading("d", datetime(2026, 1, 1, tzinfo=UTC), "", (), None)


def check(payload: Any) -> Outcome:
    """As a contract does: an object with ``ok`` is a reading."""
    if type(payload) is not dict:
        return Reject(Reason.not_object, "")
    return GOOD if "ok" in payload else Reject(Reason.missing_field, "")


read_framed = framed(lambda text, _: check_items(orjson.loads(text), text, check))
LATEST = datetime(2026, 1, 1, tzinfo=UTC)


def read_payload(text: bytes) -> list[Row]:
    return read_framed(text, Arrival(None, None, LATEST))


def read(content: bytes, longest: int = LONGEST) -> list[ParsedMessage]:
    return list(read_messages(io.BytesIO(content), read_framed, LATEST, longest))


def envelope(payload: bytes, /, message_id: str = "m-1", received_at: int = 86_400_000, **changes: Any) -> bytes:
    """A line as the topic rule makes it."""
    document = {"message_id": message_id, "topic": "devices/d/t", "received_at": received_at}
    return json.dumps({**document, "payload": base64.b64encode(payload).decode(), **changes}).encode()


def said(rows: list[Row]) -> list[str]:
    """Each row in a word."""
    return [str(row.outcome.reason) if isinstance(row.outcome, Reject) else "ok" for row in rows]


def all_said(messages: list[ParsedMessage]) -> list[str]:
    return [word for message in messages for word in said(message.rows)]


# Lines without an envelope


def test_a_line_is_a_message() -> None:
    messages = read(b'{"ok":1}\n\n{"ok":2}\nnonsense')
    assert [message.line for message in messages] == [1, 2, 3, 4]
    assert all_said(messages) == ["ok", "not_json", "ok", "not_json"]


@pytest.mark.parametrize(
    ("line", "reasons", "raws"),
    [
        (b'[{"ok":1},{"ok":2}]', ["ok", "ok"], [b"", b""]),
        (b' [ {"ok":1} , 5, {"no":[1,"],"]} ]', ["ok", "not_object", "missing_field"], [b"", b"5", b'{"no":[1,"],"]}']),
        (b"[[]]", ["not_object"], [b"[]"]),
        (b"[]", ["not_object"], [b"[]"]),
        (b'{"ok":1}{"ok":2}', ["ok", "ok"], [b"", b""]),
        (b'{"ok":1} {"no":"}{"}{"ok":3}', ["ok", "missing_field", "ok"], [b"", b'{"no":"}{"}', b""]),
        (b'{"ok":1}{bad}{"ok":3}', ["ok", "not_json", "ok"], [b"", b"{bad}", b""]),
        (b'{"ok":1}{"ok', ["ok", "not_json"], [b"", b'{"ok']),
        (b'{"ok":1}{"\xff":1}', ["ok", "bad_encoding"], [b"", b'{"\xff":1}']),
        (b'{"ok":1}}', ["ok", "not_json"], [b"", b"}"]),
        (b'[{"ok":1}][{"no":2},{"ok":3}]', ["ok", "missing_field", "ok"], [b"", b'{"no":2}', b""]),
        (b"{a}{b} c", ["not_json"], [b"{a}{b} c"]),
        (b'a {"ok":1}', ["not_json"], [b'a {"ok":1}']),
        (b'{"ok":NaN}', ["not_json"], [b'{"ok":NaN}']),
        (b'{"ok":-Infinity}', ["not_json"], [b'{"ok":-Infinity}']),
        (b'{"ok":1e999}', ["not_json"], [b'{"ok":1e999}']),
        (b'{"ok":"\\ud800"}', ["not_json"], [b'{"ok":"\\ud800"}']),
        (b'{"ok":"\xed\xa0\x80"}', ["bad_encoding"], [b'{"ok":"\xed\xa0\x80"}']),
        (b'{"ok":"\xff"}', ["bad_encoding"], [b'{"ok":"\xff"}']),
        (b"\xef\xbb\xbf{}", ["not_json"], [b"\xef\xbb\xbf{}"]),
        (b"\0", ["not_json"], [b"\0"]),
        (b"  ", ["not_json"], [b"  "]),
        (b'"text"', ["not_object"], [b'"text"']),
        (b'{"ok":1,"ok":2}\r', ["ok"], [b""]),
        (b"[" * 10_000, ["not_json"], [b"[" * 10_000]),
    ],
)
def test_each_line_becomes_rows_and_a_reject_keeps_its_bytes(
    line: bytes, reasons: list[str], raws: list[bytes]
) -> None:
    (message,) = read(line + b"\n", longest=100_000)
    assert said(message.rows) == reasons
    assert [row.raw for row in message.rows] == raws


def test_a_bad_line_does_not_harm_its_neighbours() -> None:
    content = b"\n".join([b'{"ok":1}', b"\xff\xfe", b'{"ok":', b"x" * 5000, b'{"ok":2}'])
    assert all_said(read(content)) == ["ok", "bad_encoding", "not_json", "too_large", "ok"]


def test_the_beginning_of_a_line_that_is_too_long_is_kept() -> None:
    for length in (LONGEST + 1, CHUNK - 1, CHUNK, 3 * CHUNK + 7):
        too_long, after = read(b"a" * length + b'\n{"ok":1}')
        assert said(too_long.rows) == ["too_large"]
        assert too_long.rows[0].raw == b"a" * LONGEST
        assert f"has {length} bytes" in str(too_long.rows[0].outcome)
        assert said(after.rows) == ["ok"]
    assert all_said(read(b'{"ok":"' + b"a" * (LONGEST - 9) + b'"}')) == ["ok"]


# Objects


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0)])
def test_an_empty_object_holds_no_message(content: bytes) -> None:
    assert read(content) == []


def test_empty_lines_are_empty_payloads() -> None:
    messages = read(gzip.compress(b"\n\n"))
    assert all_said(messages) == ["not_json", "not_json"]
    assert [message.rows[0].raw for message in messages] == [b"", b""]


def test_gzip_of_several_members_is_one_object() -> None:
    halves = gzip.compress(b'{"ok":1}\n{"o') + gzip.compress(b'k":2}\n')
    assert all_said(read(halves)) == ["ok", "ok"]


@given(st.integers(1, 400))
def test_a_truncated_object_gives_what_can_be_read_and_says_so(cut: int) -> None:
    content = gzip.compress(b"".join(b'{"ok":%d}\n' % n for n in range(500)))
    messages = read(content[: -min(cut, len(content) - 2)])
    assert [message.line for message in messages] == list(range(1, len(messages) + 1))
    assert set(all_said(messages[:-1])) <= {"ok"}
    assert all_said(messages[-1:]) == ["truncated_object"]


def test_a_corrupt_object_gives_what_can_be_read_and_says_so() -> None:
    content = gzip.compress(b'{"ok":1}\n{"ok":2}\n')
    assert all_said(read(content[:-8] + b"\0\0\0\0" + content[-4:])) == ["ok", "ok", "corrupt_object"]
    assert all_said(read(content + b"after the end")) == ["ok", "ok", "corrupt_object"]


class Trickle(io.RawIOBase):
    """A body that hands out a few bytes at a time."""

    def __init__(self, content: bytes, step: int) -> None:
        self._content, self._step = io.BytesIO(content), step

    def read(self, amount: int = -1, /) -> bytes:
        return self._content.read(self._step)


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line)), st.integers(2, 9), st.booleans())
def test_lines_are_the_same_however_the_bytes_arrive(content: list[bytes], step: int, zipped: bool) -> None:
    text = b"\n".join(content)
    if text.startswith(b"\x1f\x8b"):
        return
    found = read_lines(Trickle(gzip.compress(text) if zipped else text, step), LONGEST)
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    expected = [(number, line, len(line), None) for number, line in enumerate(lines, 1)]
    assert [tuple(line) for line in found] == expected


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: gzip.compress(b'{"ok":1}\n')[:20] + tail))
def test_no_object_raises_and_every_line_ends_as_a_row(content: bytes) -> None:
    messages = read(content)
    assert all(message.rows for message in messages)
    if not content.startswith(b"\x1f\x8b"):
        lines = content.removesuffix(b"\n").split(b"\n") if content else []
        assert [message.line for message in messages] == list(range(1, len(lines) + 1))


jsonish = st.lists(
    st.sampled_from([b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b'"ok"', b"1", b" ", b"\xff", b"null"]),
    max_size=25,
).map(b"".join)


@given(jsonish)
def test_every_byte_of_a_payload_is_in_a_row(text: bytes) -> None:
    rows = read_payload(text)
    assert rows
    assert b"".join(split_glued(text)).replace(b" ", b"") == text.replace(b" ", b"")
    for row in rows:
        assert isinstance(row.outcome, Reading) or (row.raw in text and row.raw) or not text


@given(
    st.lists(
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
        min_size=1,
    )
)
def test_an_array_is_split_where_json_splits_it(items: list[Any]) -> None:
    assert [json.loads(item) for item in split_array(json.dumps(items, ensure_ascii=False).encode())] == items


@pytest.mark.parametrize(
    "text",
    [b'"' + b'\\"' * 130_000, b'{"' * 130_000, b"[" * 262_144, b'{"a":' * 50_000, b"{}" * 131_072, b"}" * 262_144],
)
def test_no_payload_takes_long(text: bytes) -> None:
    began = time.process_time()
    read_payload(text)
    assert time.process_time() - began < 5


def test_memory_does_not_grow_with_the_object_nor_with_the_line() -> None:
    """100 MB of zeros are 100 kB of gzip."""
    bomb = gzip.compress(b'{"ok":1}\n' * 10_000 + b"0" * 100_000_000)
    tracemalloc.start()
    messages = sum(1 for _ in read_messages(io.BytesIO(bomb), read_framed, LATEST, 262_144))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert messages == 10_001
    assert peak < 12_000_000


# Envelopes


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_payload_is_one_message_and_comes_out_as_it_went_in(payloads: list[bytes]) -> None:
    lines = [envelope(payload, f"m-{number}") for number, payload in enumerate(payloads)]
    messages = read(b"".join(line + b"\n" for line in lines))
    assert [message.message_id for message in messages] == [f"m-{number}" for number in range(len(payloads))]
    for message, payload in zip(messages, payloads, strict=True):
        assert [row.outcome for row in message.rows] == [row.outcome for row in read_payload(payload)]
        assert all(isinstance(row.outcome, Reading) or row.raw in payload for row in message.rows)


def test_an_envelope_says_when_its_message_was_received() -> None:
    content = b"\n".join([envelope(b"", "a", 0), envelope(b"", "b", 86_399_999), envelope(b"", "c", 86_400_000), b"{}"])
    headers = list(read_headers(io.BytesIO(content)))
    assert headers == [("a", 0), ("b", 0), ("c", 1), (None, None)]
    assert [(message.message_id, message.day) for message in read(content)] == headers


def test_an_envelope_is_opened_once() -> None:
    inner = envelope(b'{"ok":1}', "inner")
    (message,) = read(envelope(inner, "outer"))
    assert message.message_id == "outer"
    assert said(message.rows) == ["missing_field"]
    assert message.rows[0].raw == inner


def test_envelopes_that_are_glued_are_messages_of_their_own() -> None:
    messages = read(envelope(b'{"ok":1}', "a") + envelope(b"[{},{}]", "b") + b" torn " + envelope(b"", "c") + b"\n")
    assert [message.message_id for message in messages] == ["a", "b", None, "c"]
    assert [said(message.rows) for message in messages] == [
        ["ok"],
        ["missing_field", "missing_field"],
        ["not_json"],
        ["not_json"],
    ]
    assert {message.line for message in messages} == {1}


@pytest.mark.parametrize(
    "changes",
    [
        *({"message_id": bad} for bad in (5, None, "", "a\0b", "é", "x" * 129)),
        *({"received_at": bad} for bad in (None, "0", 1.5, True, -1, 10**15)),
        *({"payload": bad} for bad in (None, 5, "not base64", "YQ", "YQ==\n", "YQ==YQ==")),
        {"topic": 5},
        {"more": 1},
    ],
    ids=str,
)
def test_a_near_envelope_is_a_payload(changes: dict[str, Any]) -> None:
    line = envelope(b'{"ok":1}', **changes)
    first, second = read(line + b"\n" + envelope(b'{"ok":1}', "after"))
    assert first.message_id is None
    assert said(first.rows) == ["missing_field"]
    assert first.rows[0].raw == line
    assert said(second.rows) == ["ok"]


def test_the_beginning_of_a_payload_that_is_too_large_is_kept() -> None:
    too_large, after = read(envelope(b"a" * (LONGEST + 1)) + b"\n" + envelope(b'{"ok":1}', "after"))
    assert said(too_large.rows) == ["too_large"]
    assert too_large.rows[0].raw == b"a" * LONGEST
    assert too_large.message_id == "m-1"
    assert said(after.rows) == ["ok"]


def test_a_queue_message_that_is_an_envelope_stays_as_it_is() -> None:
    body = envelope(b"anything").decode()
    assert as_line(body, "of-sqs", 5) == body.encode() + b"\n"


@given(st.text() | st.sampled_from(["\0", "\ud800", "é\u2028😀", '"', "", "{}", "line\nbreak", "[1]"]))
def test_any_other_queue_message_gets_an_envelope_of_its_own(body: str) -> None:
    line = as_line(body, "of-sqs", 86_400_000)
    assert line.count(b"\n") == 1
    (message,) = read(line)
    assert (message.message_id, message.day) == ("of-sqs", 1)
    raw = body.encode("utf-8", "surrogatepass")
    assert [row.outcome for row in message.rows] == [row.outcome for row in read_payload(raw)]
