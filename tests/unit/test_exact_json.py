"""JSON that loses nothing: numbers keep their digits, texts that PostgreSQL cannot hold come back as they were."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.contracts.model import Stream
from telemetry.contracts.reader import Arrival
from telemetry.contracts.validate import Reading
from telemetry.encodings.exact_json import ExactNumber, decode, decode_plainly, dumps, restored, storable
from telemetry.lake.payloads import compile_payload_reader

LATEST = datetime(2026, 6, 1, tzinfo=UTC)

texts = st.text(max_size=6) | st.sampled_from(["\0", "a\0b", "\ud83d", "$json", "\ud83d\0"])
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
numbers = st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?\Z")

STREAM = Stream.model_validate(
    {
        "stream": "probe",
        "topic": "devices/+/probe",
        "device": {"path": "dev"},
        "event_time": {"path": "at", "format": "iso8601"},
        "fields": {"named": {"type": "double"}},
    }
)
read = compile_payload_reader(STREAM)


@given(documents)
def test_storable_values_are_restored_unchanged(document: Any) -> None:
    kept = storable(document)
    text = dumps(kept).decode()
    assert "\\u0000" not in text.replace("\\\\", "")
    assert restored(json.loads(text)) == (document if document == document else restored(kept))


@given(numbers)
def test_a_number_is_decoded_exactly(text: str) -> None:
    found = decode(text.encode())
    value = found.value if isinstance(found, ExactNumber) else Decimal(repr(found))
    assert value == Decimal(text)


def id_of(extra: str, named: str) -> str:
    payload = f'{{"dev":"d","at":"2026-01-01T00:00:00Z","named":{named},"extra":{extra}}}'
    (row,) = read(payload.encode(), Arrival(None, None, LATEST))
    assert isinstance(row.outcome, Reading), row.outcome
    return row.outcome.reading_id


@given(first=numbers, second=numbers)
def test_two_numbers_share_an_id_only_if_they_are_the_same_number(first: str, second: str) -> None:
    same = Decimal(first) == Decimal(second) and first.startswith("-") == second.startswith("-")
    assert (id_of(first, "1") == id_of(second, "1")) == same or Decimal(first) == Decimal(second) == 0


@given(first=documents, second=documents)
def test_two_documents_share_an_id_only_if_they_are_the_same(first: Any, second: Any) -> None:
    canonical = [_canonical(json.loads(json.dumps(document))) for document in (first, second)]
    ids = [id_of(json.dumps(document), "1") for document in (first, second)]
    assert ids[0] != ids[1] or canonical[0] == canonical[1]


@given(first=documents, last=documents)
def test_of_two_members_of_one_name_the_last_counts(first: Any, last: Any) -> None:
    """In a field, in ``extra`` and in the id, and in whichever way the payload is read."""
    head, members = '{"dev":"d","at":"2026-01-01T00:00:00Z",', '"named":1,"extra":' + json.dumps(last)
    twice, once = (
        read((head + text + members + "}").encode(), Arrival(None, None, LATEST))
        for text in (f'"named":2,"extra":{json.dumps(first)},', "")
    )
    assert twice == once
    assert isinstance(once[0].outcome, Reading)


def _canonical(value: Any) -> str:
    """What an id tells apart: numbers by their value outside of arrays; null members and empty objects are nothing."""
    pruned = _pruned(value)
    return json.dumps(None if pruned == {} else pruned, sort_keys=True)


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        members = {name: _pruned(item) for name, item in value.items()}
        return {name: item for name, item in members.items() if item is not None and item != {}}
    if type(value) is int and float(value) == value:
        return float(value)
    return value


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("89882280666012345678", "89882280666012345679"),
        ("0.12345678901234567890", "0.12345678901234567891"),
        ("1e-400", "0"),
    ],
)
def test_digits_beyond_a_double_are_kept_and_told_apart(first: str, second: str) -> None:
    assert id_of(first, "1") != id_of(second, "1")
    (row,) = read(f'{{"dev":"d","at":"2026-01-01T00:00:00Z","extra":{first}}}'.encode(), Arrival(None, None, LATEST))
    assert isinstance(row.outcome, Reading)
    assert Decimal(json.loads(row.outcome.extra or "", parse_float=str, parse_int=str)["extra"]) == Decimal(first)
    assert id_of("1", first) != id_of("1", second)


@pytest.mark.parametrize("text", ["1e9999999999999999999", "-1E-9999999999999999999", "0e99999999999999999999"])
def test_an_exponent_beyond_all_bounds_is_kept_as_it_is_written(text: str) -> None:
    found = decode(text.encode())
    assert found == 0.0 or json.loads(dumps(found)) == {"$json": text}


@pytest.mark.parametrize("text", ["1", "1.0", "-0.0", "0.1", "1e22", "18446744073709551615", "23.100000381469727"])
def test_a_number_that_is_exactly_a_double_or_integer_stays_one(text: str) -> None:
    assert decode(text.encode()) == orjson.loads(text)
    assert type(decode(text.encode())) is type(orjson.loads(text))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1)), st.booleans())
def test_all_that_a_double_or_an_integer_holds_is_read_in_one_step(numbers: list[float], compact: bool) -> None:
    text = json.dumps(numbers, separators=(",", ":") if compact else None).encode()
    assert decode_plainly(text) == numbers


@pytest.mark.parametrize("number", ["0.10000000000000000001", "18446744073709551617", "1e400", "58.200000762939454"])
def test_a_number_that_neither_holds_is_not_read_in_one_step(number: str) -> None:
    assert decode_plainly(f'{{"x": {number}}}'.encode()) is None
