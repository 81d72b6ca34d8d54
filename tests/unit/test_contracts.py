"""The contracts: what a stream's file may say, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetry.contracts.loader import find_stream, load_stream, load_streams
from telemetry.contracts.schema import reading_columns, readings_schema, rejects_schema
from telemetry.errors import TelemetryError
from telemetry.interval import Lane

GOOD = """\
stream: door
topic: devices/+/door
device: {path: device_id}
event_time: {path: at.ms, format: epoch_milliseconds}
fields:
  open: {path: state.open, type: boolean, required: true}
  count: {type: integer, range: [0, 1000]}
"""


def contract(folder: Path, text: str) -> Path:
    path = folder / "door.yaml"
    path.write_text(text)
    return path


def test_the_projects_own_contracts_are_read() -> None:
    assert list(load_streams()) == ["environment", "telemetry"]


def test_everything_follows_from_the_file(tmp_path: Path) -> None:
    stream = load_stream(contract(tmp_path, GOOD))
    assert stream.table == "door_readings"
    assert stream.topic_of("a") == "devices/a/door"
    assert [(column.name, column.sql) for column in reading_columns(stream)] == [
        ("device_id", "text"),
        ("event_time", "timestamp with time zone"),
        ("reading_id", "uuid"),
        ("open", "boolean"),
        ("count", "bigint"),
        ("extra", "jsonb"),
    ]


def test_only_the_queues_files_know_messages(tmp_path: Path) -> None:
    stream = load_stream(contract(tmp_path, GOOD))
    assert readings_schema(stream, Lane.lake).names[-3:] == ["extra", "line", "item"]
    assert readings_schema(stream, Lane.queue).names[-4:] == ["line", "item", "message_id", "received_on"]
    assert rejects_schema(Lane.lake).names == ["reason", "detail", "raw", "line", "item"]


@pytest.mark.parametrize(
    ("changed", "to", "line", "said"),
    [
        ("type: integer", "type: number", 7, "fields.count.type"),
        ("range: [0, 1000]", "range: [9, 1]", 7, "lower end of the range is above"),
        ("devices/+/door", "devices/#", 2, "topic"),
        ("devices/+/door", "devices/+/a'b", 2, "topic"),
        ("path: state.open", "path: at.ms", 1, "two fields read the same path"),
        ("path: state.open", "path: at", 1, "goes through the value of another field"),
        ("  count:", "  load_id:", 1, "this column name is reserved"),
        ("  count:", "  Count:", 7, "Count"),
        ("  count:", "  open:", 7, "appears twice"),
        ("epoch_milliseconds", "epoch_minutes", 4, "event_time.format"),
        ("device: {path: device_id}", "device: {path: device_id, colour: red}", 3, "device.colour"),
        ("stream: door", "stream: door\nevent_time_ahead_seconds: 1000000000000", 2, "event_time_ahead_seconds"),
        ("stream: door", "stream: [", 3, "not valid YAML"),
        ("stream: door", "stream: gate", 1, "does not match the file name"),
    ],
)
def test_an_error_names_file_line_and_field(tmp_path: Path, changed: str, to: str, line: int, said: str) -> None:
    path = contract(tmp_path, GOOD.replace(changed, to))
    with pytest.raises(TelemetryError) as error:
        load_stream(path)
    assert str(path) in error.value.message
    assert said in error.value.message
    assert f"{path}:{line}: " in error.value.message


def test_two_streams_cannot_have_one_topic(tmp_path: Path) -> None:
    contract(tmp_path, GOOD)
    (tmp_path / "gate.yaml").write_text(GOOD.replace("stream: door", "stream: gate"))
    with pytest.raises(TelemetryError, match=r"gate\.yaml:2: topic: .* is already used by .*door\.yaml"):
        load_streams(tmp_path)


def test_an_unknown_stream_is_answered_with_those_there_are() -> None:
    with pytest.raises(TelemetryError) as error:
        find_stream("weather")
    assert "Streams: environment, telemetry." in error.value.hint
