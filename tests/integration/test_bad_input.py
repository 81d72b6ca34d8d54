"""The corpus of bad input through the real ETL, in both lanes: each message ends where it is expected, with its exact
bytes, and the good ones beside it are as if they were alone.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpus
import etl
from corpus import Payload, Reads
from corpus.lines import envelope
from corpus.model import CONTRACTS, STREAMS, Speaker, said
from etl import HOUR_START, Execution, put_object, rows, table_of
from telemetry.contracts.reasons import Reason
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection

pytestmark = pytest.mark.usefixtures("aws")

EVERY = 40
"""So many bad messages there are to a good one."""
SQS_MAX = 2**20
"""Bytes of a message (SQS API reference, SendMessage)."""
SQS_TEXT = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")

Rejected = tuple[tuple[str, bytes], ...]
"""Reason and bytes of a message's rejects, in order."""


class Seen(NamedTuple):
    """What a load left behind."""

    messages: int
    rows_read: int
    loaded: int
    duplicate: int
    quarantined: int


@cache
def said_by_all(hour: datetime) -> dict[str, list[Payload]]:
    """The corpus by stream, with a good message at the start, at the end, and now and then between."""
    found = corpus.payloads(hour)
    return {stream: _between(stream, hour, [one for one in found if one.stream == stream]) for stream in STREAMS}


def _between(stream: str, hour: datetime, bad: Sequence[Payload]) -> list[Payload]:
    good = iter(neighbours(stream, hour, len(bad) // EVERY + 2))
    mixed = [next(good)]
    for number, payload in enumerate(bad):
        mixed += [payload] if number % EVERY else [next(good), payload]
    return [*mixed, *good]


def neighbours(stream: str, hour: datetime, number: int) -> list[Payload]:
    speaker = Speaker(stream, hour)
    names = [f"neighbour {which}" for which in range(number)]
    return [speaker.payload(name, said(speaker.good(name)), speaker.reads(name)) for name in names]


def in_envelopes(payloads: Iterable[Payload], hour: datetime) -> list[bytes]:
    received = int(hour.timestamp() * 1000)
    return [json.dumps(envelope(one.content, f"m-{n}", received)).encode() for n, one in enumerate(payloads)]


# What is expected, and what is there


def stored(reads: Reads, stream: str) -> str:
    values = [reads.values.get(name) for name in CONTRACTS[stream].fields]
    return _as_text(reads.device_id, reads.event_time, values, reads.extra)


def table(warehouse: Connection, stream: str) -> Counter[str]:
    found = table_of(warehouse, stream)
    return Counter(_as_text(device, time, values, extra) for device, time, _, *values, extra in found)


def _as_text(device: str, time: datetime, values: list[Any], extra: Any) -> str:
    return json.dumps([device, time.timestamp(), values, _numbers(extra)], sort_keys=True)


def _numbers(value: Any) -> Any:
    """PostgreSQL's jsonb writes 1e20 as an integer, and has no minus zero."""
    if isinstance(value, dict):
        return {name: _numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    if type(value) not in (int, float):
        return value
    return float(value) if abs(value) >= 2**64 or value != int(value) else int(value)


def quarantined(warehouse: Connection) -> Counter[Rejected]:
    """The rejects of every line of every object."""
    found = rows(warehouse, "SELECT bucket, key, line, item, reason, raw FROM quarantine ORDER BY 1, 2, 3, 4")
    lines: dict[tuple[str, str, int], list[tuple[str, bytes]]] = {}
    for bucket, key, line, _, reason, raw in found:
        lines.setdefault((bucket, key, line), []).append((reason, bytes(raw)))
    return Counter(map(tuple, lines.values()))


def seen(warehouse: Connection) -> Seen:
    sums = "sum(messages)::int, sum(rows_read)::int, sum(loaded)::int, sum(duplicate)::int, sum(quarantined)::int"
    return Seen(*rows(warehouse, f"SELECT {sums} FROM load_objects")[0])


def check(warehouse: Connection, stream: str, payloads: list[Payload]) -> None:
    """Nothing but what is expected is there, and it is counted."""
    readings = [row for one in payloads for row in one.rows if isinstance(row, Reads)]
    expected = {stored(row, stream) for row in readings}
    there = table(warehouse, stream)
    assert sorted(there - Counter(expected)) == [], "readings that nobody sent"
    assert sorted(Counter(expected) - there) == [], "readings that are missing"
    names = {tuple((str(reason), raw) for reason, raw in one.rejects()): one.name for one in payloads}
    rejected = Counter(tuple((str(reason), raw) for reason, raw in one.rejects()) for one in payloads)
    del rejected[()]
    kept = quarantined(warehouse)
    assert [names[one] for one in rejected - kept] == [], "not in quarantine as expected"
    assert [_short(one) for one in kept - rejected] == [], "in quarantine, and not expected"
    every, bad = sum(len(one.rows) for one in payloads), sum(len(one.rejects()) for one in payloads)
    assert seen(warehouse) == Seen(len(payloads), every, len(expected), every - bad - len(expected), bad)


def _short(rejected: Rejected) -> list[tuple[str, bytes]]:
    return [(reason, raw[:80]) for reason, raw in rejected]


# Messages


def lake(stream: str, payloads: list[Payload]) -> None:
    put_object(gzip.compress(b"\n".join(in_envelopes(payloads, HOUR_START)) + b"\n", 1), stream)
    assert Execution(stream).run()["status"] == "succeeded"


def lake_of_lines(stream: str, payloads: list[Payload]) -> None:
    put_object(gzip.compress(b"".join(one.content + b"\n" for one in payloads), 1), stream)
    assert Execution(stream).run()["status"] == "succeeded"


def queue(stream: str, payloads: list[Payload]) -> None:
    _drain(stream, [line.decode() for line in in_envelopes(payloads, datetime.now(UTC))])


def queue_of_bodies(stream: str, payloads: list[Payload]) -> None:
    _drain(stream, [one.content.decode() for one in payloads])


def _drain(stream: str, bodies: list[str]) -> None:
    address = etl.new_queue(stream)
    large = [body for body in bodies if len(body.encode()) > SQS_MAX // 10]
    etl.send(address, (body for body in bodies if len(body.encode()) <= SQS_MAX // 10))
    for body in large:
        etl.send(address, [body])
    assert Execution(stream, kind="queue", interval=Interval.hour(datetime.now(UTC))).run()["status"] == "succeeded"


def as_line(payload: Payload) -> bool:
    return payload.is_line


def as_text(payload: Payload) -> bool:
    """SQS takes the characters of XML 1.0, and no empty text."""
    try:
        return bool(SQS_TEXT.fullmatch(payload.content.decode())) and len(payload.content) <= SQS_MAX
    except UnicodeDecodeError:
        return False


def any_payload(payload: Payload) -> bool:
    return True


Send = Callable[[str, list[Payload]], None]


@pytest.mark.parametrize(
    ("send", "stream", "takes", "least"),
    [
        (lake, "telemetry", any_payload, 600),
        (lake, "environment", any_payload, 600),
        (lake_of_lines, "telemetry", as_line, 500),
        (lake_of_lines, "environment", as_line, 500),
        (queue, "environment", any_payload, 600),
        (queue_of_bodies, "telemetry", as_text, 500),
    ],
)
def test_every_payload_ends_where_it_should(
    warehouse: Connection, stream: str, send: Send, takes: Callable[[Payload], bool], least: int
) -> None:
    hour = HOUR_START if send in (lake, lake_of_lines) else Interval.hour(datetime.now(UTC)).start
    payloads = [one for one in said_by_all(hour)[stream] if takes(one)]
    assert len(payloads) >= least
    send(stream, payloads)
    check(warehouse, stream, payloads)
    assert rows(warehouse, "SELECT count(*) FROM loads WHERE status = 'succeeded'") == [(1,)]


def test_good_messages_are_loaded_as_if_they_were_alone(warehouse: Connection) -> None:
    """Every column, ids too."""
    everything = said_by_all(HOUR_START)["environment"]
    alone = [one for one in everything if "neighbour" in one.name]
    lake("environment", alone)
    before = table_of(warehouse, "environment")
    assert len(before) == len(alone)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("TRUNCATE environment_readings")
    lake("environment", everything)
    assert [row for row in table_of(warehouse, "environment") if row[0].startswith("neighbour")] == before


def test_what_was_loaded_by_one_lane_is_a_duplicate_in_the_other(warehouse: Connection) -> None:
    payloads = [
        one for one in said_by_all(HOUR_START)["telemetry"] if "far" not in one.name and "after" not in one.name
    ]
    lake("telemetry", payloads)
    before = table_of(warehouse)
    queue("telemetry", payloads)
    assert table_of(warehouse) == before
    sums = "sum(messages)::int, sum(rows_read)::int, sum(quarantined)::int, sum(loaded)::int"
    of_lake, of_queue = rows(warehouse, f"SELECT {sums} FROM load_objects GROUP BY lane ORDER BY lane")
    assert of_lake[:3] == of_queue[:3]
    assert of_queue[3] == 0


# Raw objects


def put(objects: list[corpus.RawObject]) -> dict[str, corpus.RawObject]:
    """By their keys."""
    return {put_object(one.body, name=f"{number:03}.gz"): one for number, one in enumerate(objects)}


def test_every_object_ends_where_it_should(warehouse: Connection) -> None:
    objects = [one for one in corpus.objects(HOUR_START) if one.surely]
    keys = put(objects)
    assert Execution("telemetry").run()["objects"] == len(objects)
    expected = Counter(stored(row, "telemetry") for one in objects for row in one.readings)
    assert table(warehouse, "telemetry") == Counter(expected.keys())
    kept: dict[str, list[tuple[str, bytes]]] = {}
    for key, reason, raw in rows(warehouse, "SELECT key, reason, raw FROM quarantine ORDER BY key, line, item"):
        kept.setdefault(key, []).append((reason, bytes(raw)))
    found = {
        key: (messages, rejects, rows_read)
        for key, messages, rejects, rows_read in rows(
            warehouse, "SELECT key, messages, quarantined, rows_read FROM load_objects"
        )
    }
    for key, one in keys.items():
        assert kept.get(key, []) == [(str(reason), raw) for reason, raw in one.rejects], one.name
        counted = (one.messages, len(one.rejects), len(one.rejects) + len(one.readings))
        assert found[key] == counted, one.name


def test_no_damage_harms_another_object(warehouse: Connection) -> None:
    objects = [one for one in corpus.objects(HOUR_START) if not one.surely]
    keys = put(objects)
    alone = neighbours("telemetry", HOUR_START, 3)
    put_object(b"".join(one.content + b"\n" for one in alone), name="aaa.txt")
    put_object(b"".join(one.content + b"\n" for one in alone[:1]), name="zzz.txt")
    assert Execution("telemetry").run()["objects"] == len(objects) + 2
    there = table(warehouse, "telemetry")
    assert all(there[stored(row, "telemetry")] == 1 for one in alone for row in one.rows if isinstance(row, Reads))
    hurt = rows(warehouse, "SELECT key FROM load_objects WHERE quarantined > 0")
    assert {key for (key,) in hurt} == keys.keys()
    assert seen(warehouse).loaded == sum(there.values())


# Generated ones

GOOD = said(Speaker("telemetry", HOUR_START).good("generated"))


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """With a few bytes changed, put in, or taken out."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(changed) - 1)))
        length = draw(st.integers(0, 8))
        changed[place : place + length] = draw(st.binary(max_size=8))
    return bytes(changed)


contents = st.one_of(
    st.binary(max_size=200),
    mutated(GOOD),
    mutated(GOOD + GOOD),
    mutated(b"[%s,%s]" % (GOOD, GOOD)),
    st.text(max_size=100).map(lambda text: json.dumps({"device_id": text}).encode()),
    st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b",", b'"', b"\\", b"\n", b"\0", b"1", GOOD]), max_size=20).map(
        b"".join
    ),
)


@pytest.fixture
def before(warehouse: Connection) -> list[tuple[Any, ...]]:
    """The neighbours' rows when there is nothing else."""
    put_object(b"\n".join(NEIGHBOURS))
    Execution("telemetry").run()
    return table_of(warehouse)


@given(st.lists(contents, min_size=10, max_size=40))
@settings(max_examples=15)
def test_no_generated_payload_harms_another(
    warehouse: Connection, before: list[tuple[Any, ...]], generated: list[bytes]
) -> None:
    empty_the_table(warehouse)
    messages = [NEIGHBOURS[0], *generated, NEIGHBOURS[1]]
    received = int(HOUR_START.timestamp() * 1000)
    lines = [json.dumps(envelope(content, f"g-{n}", received)).encode() for n, content in enumerate(messages)]
    key = put_object(gzip.compress(b"\n".join(lines)))
    assert Execution("telemetry").run()["objects"] == 1
    check_generated(warehouse, [key], before)
    assert rows(warehouse, "SELECT messages FROM load_objects WHERE key = %s", key) == [(len(messages),)]
    for line, raw in rows(warehouse, "SELECT line, raw FROM quarantine WHERE key = %s", key):
        assert bytes(raw) in messages[line - 1]


bodies = st.one_of(st.binary(max_size=300), mutated(gzip.compress(GOOD + b"\n" + GOOD)), mutated(GOOD + b"\n" + GOOD))


@given(st.lists(bodies, min_size=5, max_size=10))
@settings(max_examples=6)
def test_no_generated_object_harms_another(
    warehouse: Connection, before: list[tuple[Any, ...]], generated: list[bytes]
) -> None:
    empty_the_table(warehouse)
    keys = [put_object(body) for body in [*generated, b"\n".join(NEIGHBOURS)]]
    assert Execution("telemetry").run()["objects"] == len(keys)
    check_generated(warehouse, keys, before)


NEIGHBOURS = [one.content for one in neighbours("telemetry", HOUR_START, 2)]


def empty_the_table(warehouse: Connection) -> None:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_readings")


def check_generated(warehouse: Connection, keys: list[str], before: list[tuple[Any, ...]]) -> None:
    """The objects are conserved, and their neighbours' readings are what they were."""
    there = table_of(warehouse)
    assert [row for row in there if row in before] == before
    sums = "count(*), bool_and(rows_read = loaded + duplicate + quarantined), sum(quarantined), sum(loaded)"
    ((objects, conserved, bad, loaded),) = rows(warehouse, f"SELECT {sums} FROM load_objects WHERE key = ANY(%s)", keys)
    assert (objects, conserved, loaded) == (len(keys), True, len(there))
    assert rows(warehouse, "SELECT count(*) FROM quarantine WHERE key = ANY(%s)", keys) == [(bad,)]


def test_the_corpus_has_its_promised_size() -> None:
    payloads, objects = corpus.payloads(HOUR_START), corpus.objects(HOUR_START)
    assert (len(payloads), len(objects)) >= (1300, 140)
    assert len({one.content for one in payloads}) >= 900
    names = [one.name for one in payloads] + [one.name for one in objects]
    assert len(names) == len(set(names))
    reasons = {reason for one in payloads for reason, _ in one.rejects()}
    reasons |= {reason for one in objects for reason, _ in one.rejects}
    assert reasons == set(Reason) - {Reason.not_decodable, Reason.not_one_of, Reason.wrong_device}  # see corpus.devices
