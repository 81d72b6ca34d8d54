"""A change of a stream's file after which a column or an id has two meanings is refused."""

from __future__ import annotations

from typing import Any

import pytest

from telemetry.contracts.evolution import refused_changes
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
        ({"message_id": {"path": "uid"}}, ["message_id.path"]),
        ({"fields": {"level": {"type": "double", "unit": "cm", "scale": 0.1}}}, ["fields.level.unit"]),
        ({"fields": {"level": {"type": "double", "unit": "m"}}}, ["fields.level.scale"]),
        ({"fields": {"level": BEFORE["fields"]["level"], "new": {"type": "string"}}}, []),
    ],
)
def test_changes_that_mix_two_meanings_in_a_column_are_refused(changes: dict[str, Any], refused: list[str]) -> None:
    before, after = Stream.model_validate(BEFORE), Stream.model_validate({**BEFORE, **changes})
    assert [field for field, _ in refused_changes(before, after)] == refused
