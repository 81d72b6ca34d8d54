"""Recorded messages: every value as in the file; every fault named with its file, line and field."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.devices.replay import replay
from telemetry.errors import TelemetryError

STREAMS = load_streams()
ENVIRONMENT = STREAMS["environment"]
TELEMETRY = STREAMS["telemetry"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
records = st.lists(
    st.builds(
        lambda extra, device: {**extra, "device_id": device}, st.dictionaries(st.text(), json_values), st.just("a-1")
    )
)
in_one_folder = settings(max_examples=40)


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def values(path: Path) -> list[Any]:
    payloads = [message.payload for message in replay(path, TELEMETRY, for_topics=False)]
    assert all(b"\n" not in payload for payload in payloads)
    return [json.loads(payload) for payload in payloads]


@in_one_folder
@given(records=records, indent=st.sampled_from([None, 0, 3]), ascii=st.booleans())
def test_an_array_comes_back_record_by_record(
    tmp_path: Path, records: list[Any], indent: int | None, ascii: bool
) -> None:
    text = json.dumps(records, indent=indent, ensure_ascii=ascii)
    assert values(written(tmp_path, "a.json", text.encode("utf-8", "replace"))) == json.loads(
        text.encode("utf-8", "replace")
    )


@in_one_folder
@given(records=records.filter(len))
def test_lines_come_back_record_by_record(tmp_path: Path, records: list[Any]) -> None:
    text = "\n\n".join(json.dumps(record) for record in records)
    assert values(written(tmp_path, "a.jsonl", text)) == records


def test_a_record_longer_than_a_read_and_one_at_its_edge(tmp_path: Path) -> None:
    records = [{"device_id": "a", "pad": "x" * size} for size in (65_505, 65_506, 65_507, 65_508, 200_000, 1, 2)]
    assert values(written(tmp_path, "a.json", json.dumps(records))) == records


def test_a_payload_is_the_records_own_text(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", '[ {"device_id": "a",\n "n": 1.50e3, "s": "\\n\\u00e9"} ]')
    (message,) = replay(path, TELEMETRY)
    assert message.payload == b'{"device_id": "a",  "n": 1.50e3, "s": "\\n\\u00e9"}'


def test_moment_and_device_are_the_contracts(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"device_id": 7, "ts": 1594598735.5}\n{"device_id": "b", "ts": "soon"}\n')
    first, second = replay(path, ENVIRONMENT)
    assert (first.device_id, first.moment) == ("7", datetime(2020, 7, 13, 0, 5, 35, 500_000, UTC))
    assert (second.device_id, second.moment) == ("b", None)


def test_csv_is_typed_by_the_contract(tmp_path: Path) -> None:
    text = (
        "device_id,event_time,temperature,data.humidity,light,device_name,data.site.name\r\n"
        'a:1,1594598735.5,21,50.25,true,"north, upper",roof\r\n'
        "a:2,1594598736,,50,0,,\r\n"
    )
    messages = list(replay(written(tmp_path, "a.CSV", text), ENVIRONMENT))
    assert [json.loads(message.payload) for message in messages] == [
        {
            "device_id": "a:1",
            "ts": 1594598735.5,
            "data": {"temp": 21, "humidity": 50.25, "light": True, "site": {"name": "roof"}},
            "device": "north, upper",
        },
        {"device_id": "a:2", "ts": 1594598736, "data": {"humidity": 50, "light": False}},
    ]
    assert [message.device_id for message in messages] == ["a:1", "a:2"]
    assert messages[1].moment == datetime(2020, 7, 13, 0, 5, 36, tzinfo=UTC)


HABITS = Stream.model_validate(
    {
        "stream": "habits",
        "topic": "habits/+",
        "device": {"path": "id"},
        "event_time": {"path": "at", "format": ["%d.%m.%Y %H:%M", "epoch_seconds"], "timezone": "UTC"},
        "fields": {
            "t": {"type": "double", "accept": ["text"], "decimal": ","},
            "door": {"type": "boolean", "true_values": ["open"], "false_values": ["shut"]},
            "since": {"type": "timestamp", "format": "epoch_seconds"},
            "level": {"type": "integer", "null_values": ["n/a"]},
        },
    }
)


def test_a_cell_is_text_where_the_contract_takes_text(tmp_path: Path) -> None:
    text = "id;at;t;door;since;level\n1;28.11.2026 12:00;20,5;open;1594598735;n/a\n1;1594598735;20.5;true;;7\n"
    messages = list(replay(written(tmp_path, "a.csv", text), HABITS))
    assert [json.loads(message.payload) for message in messages] == [
        {"id": "1", "at": "28.11.2026 12:00", "t": "20,5", "door": "open", "since": 1594598735, "level": "n/a"},
        {"id": "1", "at": 1594598735, "t": 20.5, "door": True, "level": 7},
    ]
    assert [message.moment for message in messages] == [
        datetime(2026, 11, 28, 12, tzinfo=UTC),
        datetime(2020, 7, 13, 0, 5, 35, tzinfo=UTC),
    ]


GOOD = '{"device_id": "a"}'
FAULTS: dict[str, tuple[str, str | bytes, str]] = {
    "words": ("a.json", "Dear all,", ":1: not JSON: expecting value at character 1"),
    "second line": ("a.jsonl", f"{GOOD}\n{{", ":2: not JSON"),
    "NaN": ("a.jsonl", '{"device_id": "a", "x": NaN}', ":1: not JSON: NaN is not JSON"),
    "second record": ("a.json", f"[{GOOD}, {{'x': 1}}]", ":1: record 2: not JSON"),
    "third line": ("a.json", f"[\n{GOOD}\n,\n{{'x': 1}}]", ":4: record 2: not JSON"),
    "no comma": ("a.json", f"[{GOOD} {GOOD}]", ":1: record 1: not JSON: neither a comma"),
    "no end": ("a.json", f"[{GOOD}", ":1: record 1: not JSON: neither a comma"),
    "half an array": ("a.json", f"[{GOOD},", ":1: record 2: not JSON"),
    "more than an array": ("a.json", f"[{GOOD}]]", ":1: not JSON: something follows"),
    "deep": ("a.json", "[" * 200_000, ":1: record 1: not JSON"),
    "not an object": ("a.json", f"[{GOOD}, 17]", ":1: record 2: not an object, but 17"),
    "no device": ("a.jsonl", f'{GOOD}\n\n{{"x": 1}}', ":3: device_id: the record names no device"),
    "device is an object": ("a.jsonl", '{"device_id": {}}', ":1: device_id: the record names no device"),
    "device of two levels": ("a.jsonl", '{"device_id": "a/b"}', ":1: device_id: 'a/b' cannot be part of an MQTT topic"),
    "half a character": ("a.jsonl", '{"device_id": "\\ud800"}', "cannot be part of an MQTT topic"),
    "empty": ("a.json", " \n", " is empty"),
    "not UTF-8": ("a.json", b"[\xff]", ": not UTF-8"),
    "header": ("a.csv", "device,temperature\na,1\n", ":1: no column 'device_id'"),
    "no header": ("a.csv", "", " is empty"),
    "type": ("a.csv", "device_id,temperature\na,1\na,warm\n", ":3: temperature: 'warm' is not a number"),
    "infinite": ("a.csv", "device_id,temperature\na,Infinity\n", ":2: temperature: 'Infinity' is not a number"),
    "cells": ("a.csv", "device_id,temperature\na,1,2\n", ":2: 3 cells below a header of 2"),
    "no device in a row": ("a.csv", "device_id,temperature\n,1\n", ":2: device_id: the record names no device"),
    "column within a column": ("a.csv", "device_id,data,data.temp\na,,1\na,1,2\n", ":3: data.temp: 'data' has a value"),
    "column around a column": ("a.csv", "device_id,data.temp,data\na,1,\na,1,2\n", ":3: data: 'data.temp' has a value"),
    "column twice": ("a.csv", "device_id,note,note\na,,1\na,1,2\n", ":3: note: 'note' has a value"),
    "larger than AWS IoT Core takes": (
        "a.jsonl",
        f'{GOOD}\n{{"device_id": "{"a" * 131_072}"}}',
        ":2: the payload has 131,089 bytes; AWS IoT Core takes 131,072 at most",
    ),
    "quotes": ("a.csv", 'device_id,temperature\n"a"b,1\n', ":2: not CSV"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_named_with_its_place(tmp_path: Path, case: str) -> None:
    name, text, said = FAULTS[case]
    path = written(tmp_path, name, text)
    with pytest.raises(TelemetryError) as error:
        list(replay(path, TELEMETRY))
    assert error.value.message.startswith(str(path))
    assert said in error.value.message


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="cannot be read: No such file"):
        list(replay(tmp_path / "none.json", TELEMETRY))


@pytest.mark.parametrize("name", ["pipe", "pipe.csv"])
def test_a_pipe_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(TelemetryError, match=r"is not a regular file\..* read more than once"):
        list(replay(tmp_path / name, TELEMETRY))


def test_a_byte_order_mark_is_passed(tmp_path: Path) -> None:
    assert values(written(tmp_path, "a.json", b"\xef\xbb\xbf" + f"[{GOOD}]".encode())) == [{"device_id": "a"}]


def test_the_sensor_arrays_messages_come_back_whole() -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "environment-messages.json"
    if not path.exists():
        pytest.skip("put the recorded messages at ../shared/data beside the project")
    assert [json.loads(message.payload) for message in replay(path, ENVIRONMENT)] == json.loads(path.read_text())
