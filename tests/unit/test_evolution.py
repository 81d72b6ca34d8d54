"""A change of a stream's file after which a column or an id has two meanings is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.contracts.evolution import FieldMeaning, Meaning, refused_changes
from telemetry.contracts.model import Stream

BEFORE: dict[str, Any] = {
    "stream": "probe",
    "topic": "devices/+/probe",
    "device": {"path": "dev"},
    "event_time": {"path": "at", "format": "iso8601", "timezone": "UTC"},
    "message_id": {"path": "id"},
    "fields": {"level": {"type": "double", "unit": "m", "scale": 0.1}},
}


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, []),
        ({"description": "other", "event_time_ahead_seconds": 5}, []),
        ({"device": {"levels": "device"}}, ["device"]),
        ({"event_time": {"path": "at", "format": "iso8601", "timezone": "Europe/Berlin"}}, ["event_time.timezone"]),
        ({"event_time": "received"}, ["event_time", "event_time.timezone"]),
        ({"message_id": {"path": "uid"}}, ["message_id"]),
        ({"message_id": None}, ["message_id"]),
        ({"fields": {"level": {"type": "integer", "unit": "m"}}}, ["fields.level.type", "fields.level.scale"]),
        ({"fields": {"level": {"type": "double", "unit": "cm", "scale": 0.1}}}, ["fields.level.unit"]),
        ({"fields": {"level": {"type": "double", "unit": "m"}}}, ["fields.level.scale"]),
        ({"fields": {"level": BEFORE["fields"]["level"], "new": {"type": "string"}}}, []),
    ],
)
def test_changes_that_mix_two_meanings_in_a_column_are_refused(changes: dict[str, Any], refused: list[str]) -> None:
    before, after = Stream.model_validate(BEFORE), Stream.model_validate({**BEFORE, **changes})
    assert [field for field, _ in refused_changes(Meaning.of(before), after)] == refused


SAME = {"path": "dev"}, {"path": "id"}
FIELD = st.fixed_dictionaries(
    {"type": st.sampled_from(["double", "integer", "string"])},
    optional={"unit": st.sampled_from(["", "m", "cm"]), "description": st.just("x")},
)
CHANGES = st.fixed_dictionaries(
    {"fields": st.dictionaries(st.sampled_from(["level", "flow"]), FIELD, min_size=1)},
    optional={"device": st.sampled_from([*SAME, {"levels": "device"}]), "message_id": st.sampled_from([*SAME, None])},
)


@given(st.lists(CHANGES, min_size=2, max_size=8))
def test_no_history_of_accepted_changes_gives_a_column_or_an_id_two_meanings(history: list[dict[str, Any]]) -> None:
    """Whatever is removed in between and comes back: all that was ever accepted means one thing."""
    first, *later = [Stream.model_validate({**BEFORE, "message_id": None, **one}) for one in history]
    accepted, held = [first], Meaning.of(first)
    for stream in later:
        if not list(refused_changes(held, stream)):
            accepted.append(stream)
            held = held.then(stream)
    assert {stream.device for stream in accepted} == {held.device}
    assert {stream.message_id for stream in accepted} == {held.message_id}
    for name, meaning in held.fields.items():
        said = [
            FieldMeaning(type=one.fields[name].type, unit=one.fields[name].unit)
            for one in accepted
            if name in one.fields
        ]
        named = [one for one in said if one.unit]
        assert {one.type for one in said} == {meaning.type}
        assert {one.unit for one in named} <= {meaning.unit}
        assert said[len(said) - len(named) :] == named  # a unit is added once, and stays
