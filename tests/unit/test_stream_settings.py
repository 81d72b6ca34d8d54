"""What a stream's file sets for itself: it holds over the defaults, and is refused by the same rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from telemetry.config import settings as defaults
from telemetry.config.alarms import expand_alarms
from telemetry.config.settings import Settings, load_settings
from telemetry.contracts import stream_settings as own
from telemetry.contracts.loader import find_stream, load_stream
from telemetry.contracts.model import Stream
from telemetry.errors import TelemetryError
from telemetry.streams.description import describe

SETTINGS = load_settings()
FILE = """\
stream: door
topic: devices/+/door
device: {path: device_id}
event_time: {path: at, format: iso8601}
fields:
  open: {type: boolean}
"""
OWN = """\
quality: {null_rate_max: 0.2, silent_devices_max: 3}
retention:
  readings_months: null
  lake_days: 400
schedules: {queue: "10,40 * * * *", hourly: "5 * * * *", daily: "0 12 * * *"}
"""


def door(folder: Path, more: str = OWN) -> Stream:
    path = folder / "door.yaml"
    path.write_text(FILE + more)
    return load_stream(path)


def test_what_the_file_sets_holds_over_the_defaults_and_nothing_else_changes(tmp_path: Path) -> None:
    kept = SETTINGS.model_copy(update={"retention": SETTINGS.retention.model_copy(update={"readings_months": 12})})
    resolved = kept.for_stream(door(tmp_path)).model_dump(by_alias=True)
    expected = kept.model_dump(by_alias=True)
    expected["quality"] |= {"null_rate_max": 0.2, "silent_devices_max": 3}
    expected["retention"] |= {"readings_months": None, "lake_days": 400}
    expected["schedules"] |= {"queue": "10,40 * * * *", "hourly": "5 * * * *", "daily": "0 12 * * *"}
    assert resolved == expected


def test_a_file_that_sets_nothing_has_the_defaults(tmp_path: Path) -> None:
    assert SETTINGS.for_stream(door(tmp_path, "")) == SETTINGS


days = st.integers(1, 31)
rates = st.floats(0, 1)
crons = st.sampled_from(["*/5 * * * *", "7 * * * *", "30 0 * * *", "0 23 * * *", "10,40 * * * *"])
sections = st.fixed_dictionaries(
    {},
    optional={
        "quality": st.fixed_dictionaries(
            {}, optional={"trailing_days": days, "volume_history_days_min": days, "null_rate_max": rates}
        ),
        "retention": st.fixed_dictionaries({}, optional={"lake_days": st.none() | st.integers(10, 400)}),
        "schedules": st.fixed_dictionaries({}, optional={"queue": crons, "hourly": crons, "daily": crons}),
    },
)


@settings(max_examples=50)
@given(more=sections)
def test_what_a_file_may_set_the_settings_could_have_set(more: dict[str, Any]) -> None:
    """So every rule between settings holds for the settings of a stream, too."""
    document = find_stream("telemetry").model_dump(exclude={"quality", "retention", "schedules"})
    try:
        stream = Stream.model_validate({**document, **more})
    except ValidationError:
        return
    resolved = SETTINGS.for_stream(stream)
    assert Settings.model_validate(resolved.model_dump(by_alias=True)) == resolved


def test_a_stored_contract_keeps_what_the_file_sets(tmp_path: Path) -> None:
    stream = door(tmp_path)
    assert Stream.model_validate_json(stream.model_dump_json()) == stream
    assert stream.model_dump()["retention"] == {"readings_months": None, "lake_days": 400}


@pytest.mark.parametrize(
    ("section", "default"),
    [
        (own.StreamQuality, defaults.Quality),
        (own.StreamRetention, defaults.Retention),
        (own.StreamSchedules, defaults.Schedules),
    ],
)
def test_keys_have_the_types_of_the_settings(section: type[BaseModel], default: type[BaseModel]) -> None:
    types = get_type_hints(default, include_extras=True)
    found = {name: get_type_hints(section, include_extras=True)[name] for name in section.model_fields}
    assert found == {name: types[name] | None for name in found}


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ("quality: {null_rate_max: 20}", 7, "quality.null_rate_max: Input should be less than or equal to 1"),
        ("quality:\n  rollup_days: 2\n  null_rate: 1", 9, "quality.null_rate: Extra inputs are not permitted"),
        ("quality: {null_rate_max: null}", 7, "quality.null_rate_max: null is not a value"),
        ("quality: {trailing_days: 14}", 7, "quality.trailing_days: set both trailing_days and volume_history"),
        (
            "quality:\n  trailing_days: 2\n  volume_history_days_min: 3",
            9,
            "quality.volume_history_days_min: 3 is more than trailing_days (2)",
        ),
        ("retention: {message_ids_days: 40}", 7, "retention.message_ids_days: Extra inputs are not permitted"),
        ("retention: {lake_days: 13}", 7, "retention.lake_days: Input should be greater than or equal to 14"),
        ("schedules: {look_back_hours: 5}", 7, "schedules.look_back_hours: Extra inputs are not permitted"),
        ('schedules: {hourly: "*/30 * * * *"}', 7, "schedules.hourly: '*/30 * * * *' is not a cron expression that"),
        ('schedules: {hourly: "60 * * * *"}', 7, "schedules.hourly: '60 * * * *' is not a cron expression that runs"),
        ('schedules: {daily: "30 0 * * 1"}', 7, 'is not a cron expression that runs once a day, such as "30 0 * * *"'),
        ('schedules: {queue: "*/5 8-18 * * *"}', 7, "schedules.queue: '*/5 8-18 * * *' is not a cron expression that"),
        ("schedules:", 7, "schedules: Input should be a valid dictionary"),
    ],
)
def test_an_error_names_file_line_and_field(tmp_path: Path, more: str, line: int, said: str) -> None:
    with pytest.raises(TelemetryError) as error:
        door(tmp_path, more)
    assert f"{tmp_path / 'door.yaml'}:{line}: " in error.value.message
    assert said in error.value.message


@pytest.mark.parametrize("cron", ["", "* * * *", "@hourly", "*/0 * * * *", "*/60 * * * *", "5 * * * * ", "٣ * * * *"])
def test_another_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(ValidationError, match="is not a cron expression that runs within every hour"):
        own.StreamSchedules(queue=cron)


@pytest.mark.parametrize(
    ("cron", "seconds"),
    [("* * * * *", 60), ("*/5 * * * *", 300), ("*/45 * * * *", 2700), ("7 * * * *", 3600), ("0,50 * * * *", 3000)],
)
def test_a_queue_s_age_is_held_against_the_stream_s_own_schedule(tmp_path: Path, cron: str, seconds: int) -> None:
    streams = {"door": door(tmp_path, f'schedules: {{queue: "{cron}"}}'), "telemetry": find_stream("telemetry")}
    ages = [alarm.threshold for key, alarm in expand_alarms(SETTINGS, streams) if key == "queue_age"]
    assert ages == [6 * seconds, 1800]


def test_what_a_stream_sets_is_shown_with_it(tmp_path: Path) -> None:
    assert describe(door(tmp_path))["settings"].startswith(
        "quality.null_rate_max: 0.2; quality.silent_devices_max: 3; retention.readings_months: null; "
    )
