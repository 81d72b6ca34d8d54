"""The check of a payload: strict, exact, and never an exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.contracts.loader import find_stream
from telemetry.contracts.model import Stream
from telemetry.contracts.reader import Arrival, compile_reader
from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.validate import Outcome, Reading, compile_contract
from telemetry.encodings.exact_json import restored
from telemetry.lake.payloads import compile_payload_reader

LATEST = datetime(2026, 6, 1, tzinfo=UTC)

STREAM = Stream.model_validate(
    {
        "stream": "probe",
        "topic": "devices/+/probe",
        "device": {"path": "id"},
        "event_time": {"path": "meta.time", "format": "iso8601"},
        "fields": {
            "name": {"type": "string", "path": "meta.name"},
            "level": {"type": "double", "range": [-1, 1], "required": True},
            "height": {"type": "double"},
            "count": {"type": "integer"},
            "small": {"type": "integer", "range": [0, 10]},
            "open": {"type": "boolean", "path": "a.b.open"},
        },
    }
)
VALIDATE = compile_contract(STREAM)
NAMES = list(STREAM.fields)


def payload(**changes: Any) -> dict[str, Any]:
    """A payload that fits; a change to ``...`` takes the name out."""
    fitting = {"id": "d1", "meta": {"time": "2026-05-01T12:00:00Z", "name": "n"}, "level": 0.5}
    return {name: value for name, value in {**fitting, **changes}.items() if value is not ...}


def check(document: Any, stream: Stream = STREAM) -> Outcome:
    """The outcome of a payload that went through JSON."""
    row = compile_payload_reader(stream)(json.dumps(document).encode(), Arrival(None, None, LATEST))[0]
    assert isinstance(row.outcome, Reading | Reject)
    return row.outcome


def reading(document: Any, stream: Stream = STREAM) -> Reading:
    outcome = check(document, stream)
    assert isinstance(outcome, Reading), outcome
    return outcome


def reject(document: Any, stream: Stream = STREAM) -> Reject:
    outcome = check(document, stream)
    assert isinstance(outcome, Reject), outcome
    return outcome


def value_of(document: Any, name: str) -> Any:
    return reading(document).values[NAMES.index(name)]


def at(time: Any, form: str) -> Outcome:
    """The outcome of an event time in a format."""
    stream = STREAM.model_copy(update={"event_time": STREAM.event_time.model_copy(update={"format": form})})
    return check(payload(meta={"time": time}), stream)


def time_of(time: Any, form: str) -> datetime:
    outcome = at(time, form)
    assert isinstance(outcome, Reading), outcome
    return outcome.event_time


def test_a_payload_that_fits_becomes_a_reading_with_its_values_in_order() -> None:
    found = reading(payload(count=7, a={"b": {"open": True}}, note="kept"))
    assert found.device_id == "d1"
    assert found.event_time == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert found.values == ("n", 0.5, None, 7, None, True)
    assert found.extra == '{"note":"kept"}'


@pytest.mark.parametrize(
    ("changes", "reason", "named"),
    [
        ({"id": ...}, Reason.missing_field, "device_id"),
        ({"id": None}, Reason.missing_field, "device_id"),
        ({"id": 1.5}, Reason.wrong_type, "device_id"),
        ({"id": ""}, Reason.out_of_range, "device_id"),
        ({"id": "x" * 257}, Reason.out_of_range, "device_id"),
        ({"id": "a\0b"}, Reason.unstorable_text, "device_id"),
        ({"meta": ...}, Reason.missing_field, "event_time"),
        ({"meta": 5}, Reason.missing_field, "event_time"),
        ({"level": ...}, Reason.missing_field, "level"),
        ({"level": None}, Reason.missing_field, "level"),
        ({"level": "0.5"}, Reason.wrong_type, "level"),
        ({"level": True}, Reason.wrong_type, "level"),
        ({"level": []}, Reason.wrong_type, "level"),
        ({"level": 1.0001}, Reason.out_of_range, "level"),
        ({"level": -2}, Reason.out_of_range, "level"),
        ({"count": 1.5}, Reason.wrong_type, "count"),
        ({"count": False}, Reason.wrong_type, "count"),
        ({"count": 2**63}, Reason.out_of_range, "count"),
        ({"small": 11}, Reason.out_of_range, "small"),
        ({"a": {"b": {"open": 1}}}, Reason.wrong_type, "open"),
    ],
)
def test_an_invalid_payload_is_rejected_with_reason_and_field(
    changes: dict[str, Any], reason: Reason, named: str
) -> None:
    found = reject(payload(**changes))
    assert found.reason is reason
    assert named in found.detail


@pytest.mark.parametrize("document", [None, 5, "text", True, [], [5]])
def test_a_payload_that_is_no_object_is_rejected(document: Any) -> None:
    assert reject(document).reason is Reason.not_object


def test_a_double_may_be_written_as_an_integer() -> None:
    assert value_of(payload(level=1), "level") == 1.0
    assert type(value_of(payload(level=1), "level")) is float


def test_null_is_the_same_as_absent() -> None:
    assert reading(payload(height=None, a=None)) == reading(payload())


def test_an_escaped_backslash_is_no_nul_character() -> None:
    assert reading(payload(note="\\u0000")).extra == '{"note":"\\\\u0000"}'


@pytest.mark.parametrize("depth", [250, 260, 1000])
def test_deep_nesting_is_kept_or_rejected(depth: int) -> None:
    fitting = json.dumps(payload())[:-1]
    message = orjson.loads(f'{fitting},"note":' + '{"x":' * depth + "1" + "}" * (depth + 1))
    outcome = VALIDATE(message, LATEST)
    assert isinstance(outcome, Reading) if depth < 254 else outcome[0] is Reason.too_deep


def test_a_detail_never_repeats_the_payload() -> None:
    for changes in ({"id": "secret" * 100}, {"level": "secret"}, {"meta": {"time": "secret"}}, {"level": "secret\0"}):
        found = reject(payload(**changes))
        assert "secret" not in found.detail
        assert len(found.detail) < 200


# The event time


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        ("2026-05-01T12:00:00Z", 0),
        ("2026-05-01t12:00:00z", 0),
        ("2026-05-01 12:00:00+00:00", 0),
        ("2026-05-01T14:00:00+0200", 0),
        ("2026-05-01T06:30:00.25-05:30", 250_000),
        ("2026-05-01T12:00:00.1234567Z", 123_456),
        ("20260501T140000+0200", 0),
        ("2026-05-01 14:00:00 +0200", 0),
        ("2026-05-01T11:59:60Z", 0),
    ],
)
def test_iso_times_are_read_with_their_offset(written: str, microsecond: int) -> None:
    assert time_of(written, "iso8601") == datetime(2026, 5, 1, 12, 0, 0, microsecond, UTC)


@pytest.mark.parametrize(
    ("time", "form"),
    [
        ("2026-05-01T12:00:00", "iso8601"),
        ("2026-05-01", "iso8601"),
        ("2026-02-30T12:00:00Z", "iso8601"),
        ("yesterday", "iso8601"),
        ("2026-05-01x12:00:00Z", "iso8601"),
        ("2026-05-01T12:00:00Z\0", "iso8601"),
        ("", "iso8601"),
        ("0001-01-01T00:00:00+01:00", "iso8601"),
        ("9999-12-31T23:59:59-01:00", "iso8601"),
        ("1969-12-31T23:59:59Z", "iso8601"),
        (-1, "epoch_seconds"),
        (1e300, "epoch_seconds"),
        (2**64 - 1, "epoch_seconds"),
        (-0.001, "epoch_milliseconds"),
        (1e18, "epoch_milliseconds"),
    ],
)
def test_invalid_times_are_rejected(time: Any, form: str) -> None:
    outcome = at(time, form)
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.bad_timestamp


@pytest.mark.parametrize(("time", "form"), [(5, "iso8601"), ("5", "epoch_seconds"), (True, "epoch_milliseconds")])
def test_a_time_of_another_type_is_rejected(time: Any, form: str) -> None:
    outcome = at(time, form)
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.wrong_type


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(microseconds=1), timedelta(days=365 * 7000)])
def test_only_a_time_after_the_latest_is_in_the_future(ahead: timedelta) -> None:
    outcome = at((LATEST + ahead).isoformat(), "iso8601")
    assert isinstance(outcome, Reading) if not ahead else outcome[0] is Reason.future_timestamp


@given(st.integers(0, int(LATEST.timestamp() * 1e6)))
def test_every_microsecond_can_be_written_in_every_format(micros: int) -> None:
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    assert time_of(time.isoformat(), "iso8601") == time
    assert time_of(micros / 1e3, "epoch_milliseconds") == time
    assert time_of(micros / 1e6, "epoch_seconds") == time


# Identity


def test_the_same_values_are_the_same_reading_however_they_are_written() -> None:
    first = reading(payload(count=3, note={"x": 27, "y": None}))
    other = {"note": {"x": 27.0}, "count": 3, "level": 0.5, "meta": {"name": "n", "time": "2026-05-01T13:00:00+01:00"}}
    assert reading({**other, "id": "d1"}).reading_id == first.reading_id


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "d2"},
        {"level": 0.25},
        {"count": 0},
        {"meta": {"time": "2026-05-01T12:00:00Z"}},
        {"meta": {"time": "2026-05-01T12:00:00.000001Z", "name": "n"}},
        {"note": 1},
        {"meta": {"time": "2026-05-01T12:00:00Z", "name": "n", "note": 1}},
        {"meta.note": 1},
        {"note": "1"},
        {"note": True},
        {"note": [1]},
    ],
)
def test_another_value_is_another_reading(changes: dict[str, Any]) -> None:
    ids = [reading(payload(**{**changes, **more})).reading_id for more in ({}, {"extra_note": 5})]
    assert len({*ids, reading(payload()).reading_id}) == 3


@pytest.mark.parametrize("value", [5, 5.0, 2.5])
def test_a_field_that_moves_from_extra_to_a_column_leaves_the_identity_as_it_is(value: float) -> None:
    kind = "integer" if isinstance(value, int) else "double"
    fields = {name: field.model_dump() for name, field in STREAM.fields.items()}
    later = Stream.model_validate(
        {**STREAM.model_dump(), "fields": {**fields, "new": {"type": kind, "path": "meta.new"}}}
    )
    message = payload(meta={"time": "2026-05-01T12:00:00Z", "new": value})
    assert reading(message).extra == f'{{"meta":{{"new":{value}}}}}'
    assert reading(message, later).extra is None
    assert reading(message, later).reading_id == reading(message).reading_id


def test_identities_are_the_same_for_ever() -> None:
    """A new version of a library that wrote any of these values in another way would store readings twice."""
    message = payload(
        count=2**53 + 1,
        height=1e16,
        a={"b": {"open": False}},
        note=[1e-7, 1e22, 5e-324, 1.7976931348623157e308, -0.0, 'é\u2028\\"\n😀', 2**64 - 1, {"b": 1, "a": None}],
    )
    assert reading(message).reading_id == "fc4679340a626dd32ee03ca222e57d96"
    named = payload(meta={"time": "2026-05-01T12:00:00Z", "uid": "é-1"})
    assert reading(named, WITH_ID).reading_id == "63f30bc1f6d0121734471df02c65bb77"


WITH_ID = Stream.model_validate({**STREAM.model_dump(), "message_id": {"path": "meta.uid"}})


def test_a_message_id_is_the_identity_where_the_contract_has_one() -> None:
    first = reading(payload(meta={"time": "2026-05-01T12:00:00Z", "uid": "m-1"}), WITH_ID)
    again = reading(payload(meta={"time": "2026-05-01T12:00:00Z", "uid": "m-1"}, level=0.25), WITH_ID)
    other = reading(payload(meta={"time": "2026-05-01T12:00:00Z", "uid": "m-2"}), WITH_ID)
    assert first.reading_id == again.reading_id != other.reading_id
    assert first.extra == '{"meta":{"uid":"m-1"}}'


@pytest.mark.parametrize(("uid", "reason"), [(None, Reason.missing_field), (1.5, Reason.wrong_type)])
def test_a_message_without_its_id_is_rejected(uid: Any, reason: Reason) -> None:
    assert reject(payload(meta={"time": "2026-05-01T12:00:00Z", "uid": uid}), WITH_ID).reason is reason


# Properties

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
likely = st.sampled_from(["id", "meta", "level", "height", "count", "small", "a", "b", "open", "time", "name", "x"])
objects = st.dictionaries(likely, json_values | st.dictionaries(likely, json_values, max_size=4), max_size=8)


@given(objects | json_values)
def test_any_payload_is_a_reading_or_a_reject(document: Any) -> None:
    outcome = check(document)
    if isinstance(outcome, Reading):
        assert len(outcome.values) == len(NAMES)
        assert len(bytes.fromhex(outcome.reading_id)) == 16
    else:
        assert outcome.reason in Reason
        assert len(outcome.detail) < 200


@given(objects)
def test_no_value_of_a_payload_is_lost(said: dict[str, Any]) -> None:
    """What a valid payload says besides the contract is in ``extra``, value for value."""
    besides = {f"other_{name}": value for name, value in said.items()}
    outcome = check(payload(**besides))
    if isinstance(outcome, Reading):
        assert restored(json.loads(outcome.extra or "{}")) == json.loads(json.dumps(besides))


@given(objects | json_values)
def test_the_plain_reader_and_the_general_reader_agree(document: Any) -> None:
    assert STREAM.is_plain
    assert WITH_ID.is_plain
    for candidate in (document, payload(**document) if isinstance(document, dict) else document):
        text = json.dumps(candidate)
        if type(candidate) is list or "\\u0000" in text:
            continue
        for stream in (STREAM, WITH_ID):
            plain = compile_contract(stream)(orjson.loads(text), LATEST)
            assert [plain] == compile_reader(stream)(orjson.loads(text), Arrival(None, None, LATEST))


def test_the_recorded_messages_all_fit() -> None:
    recorded = Path(__file__).parents[3] / "shared" / "data" / "environment-messages.json"
    if not recorded.exists():
        pytest.skip("put the recorded messages at ../shared/data beside the project")
    stream = find_stream("environment")
    validate = compile_contract(stream)
    outcomes = [validate(message, LATEST) for message in json.loads(recorded.read_text())]
    assert all(isinstance(outcome, Reading) for outcome in outcomes)
