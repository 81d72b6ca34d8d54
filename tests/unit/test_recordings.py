"""Recorded messages are read as they were sent, and a fault names its file and line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from corpus.devices import stream_of
from telemetry.contracts.model import Stream
from telemetry.contracts.parts import Device
from telemetry.errors import TelemetryError
from telemetry.streams.recordings import Sample, read_recordings

DEVICE = Device(constant="one")


def read(folder: Path, text: str, name: str = "a.jsonl", stream: Stream | None = None) -> list[Sample]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return list(read_recordings(path, stream))


def test_mosquitto_sub_recordings_are_read(tmp_path: Path) -> None:
    samples = read(
        tmp_path,
        '{"tst":"2026-11-20T11:00:00.5+0100","topic":"a/b","qos":0,"payloadlen":4,"payload":"23.1"}\n'
        '{"tst":"2026-11-20T10:00:00Z","topic":"a/b","payload": {"t": 1.50, "n": 12345678901234567890.1} }\n'
        '{"tst":1795168800,"topic":"a/b","payload":null}\n'
        '{"topic":"a/b","payload_hex":"ff00"}\n'
        '{"topic":"a/b","payload_base64":"/wA="}\n',
    )
    assert [sample.payload for sample in samples] == [
        b"23.1",
        b'{"t": 1.50, "n": 12345678901234567890.1}',
        b"",
        b"\xff\x00",
        b"\xff\x00",
    ]
    assert {sample.topic for sample in samples} == {"a/b"}
    ten = datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert [sample.received_at for sample in samples] == [ten.replace(microsecond=500_000), ten, ten, None, None]
    assert samples[1].where == f"{tmp_path / 'a.jsonl'}:2"


def test_plain_records_are_payloads_without_a_topic(tmp_path: Path) -> None:
    lines = read(tmp_path, '{"topic": 1, "t": 1}\n\n[{"t": 2}]\n')
    assert [(one.payload, one.topic) for one in lines] == [(b'{"topic": 1, "t": 1}', None), (b'[{"t": 2}]', None)]
    assert [one.payload for one in read(tmp_path, '[{"t": 1},\n {"t": 2}]')] == [b'{"t": 1}', b'{"t": 2}']
    assert [one.payload for one in read(tmp_path, '[{"t": 1}, {"t": 2}]\n')] == [b'{"t": 1}', b'{"t": 2}']
    assert [one.payload for one in read(tmp_path, '[{"t": 1}]\n[{"t": 2}]\n')] == [b'[{"t": 1}]', b'[{"t": 2}]']


def test_rows_of_csv_are_records_typed_by_their_columns(tmp_path: Path) -> None:
    text = "id;on;data.t;data.text\n1;true;20.5;a\n;false;+3;7\n"
    assert [one.payload for one in read(tmp_path, text, "a.csv")] == [
        b'{"id":1,"on":true,"data":{"t":20.5,"text":"a"}}',
        b'{"on":false,"data":{"t":3,"text":"7"}}',
    ]


def test_rows_of_csv_are_lines_where_the_stream_reads_csv(tmp_path: Path) -> None:
    samples = read(tmp_path, "time;t\n1;20,5\n2;20,6\n", "a.csv", stream_of("skab"))
    assert [one.payload for one in samples] == [b"time;t\r\n1;20,5\r\n", b"time;t\r\n2;20,6\r\n"]


@pytest.mark.parametrize(
    "text",
    [
        "20.11.2026 11:00:00;20,5;41,0;OK\n;-127,0;;LOW\n",
        "state;humidity;temperature;time\nOK;41,0;20,5;20.11.2026 11:00:00\nLOW;;-127,0;\n",
        'time,temperature,humidity,state\n20.11.2026 11:00:00,"20,5","41,0",OK\n,"-127,0",,LOW\n',
    ],
    ids=["no names", "another order", "another delimiter"],
)
def test_lines_have_the_columns_that_the_stream_names(tmp_path: Path, text: str) -> None:
    samples = read(tmp_path, text, "a.csv", stream_of("csv_logger"))
    assert [one.payload for one in samples] == [b"20.11.2026 11:00:00;20,5;41,0;OK\r\n", b";-127,0;;LOW\r\n"]


def test_rows_of_csv_are_records_typed_by_the_stream(tmp_path: Path) -> None:
    stream = stream_of("sensor_habits")
    (sample,) = read(tmp_path, "name;note\n1;1\n", "a.csv", stream.model_copy(update={"device": DEVICE}))
    assert sample.payload == b'{"name":"1","note":"1"}', "the stream knows neither"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"t": 1}\n{"t": \n', "a.jsonl:2: not JSON"),
        ("a.jsonl", "", "a.jsonl is empty"),
        ("a.jsonl", '{"topic": "a", "payload_hex": "xyz"}', "a.jsonl:1: payload_hex: not a text in hex"),
        ("a.jsonl", '{"topic": "a", "payload_base64": "?"}', "a.jsonl:1: payload_base64: not a text in base64"),
        ("a.jsonl", '{"topic": "a", "payload": "1", "tst": "today"}', "a.jsonl:1: tst: not a time"),
        ("a.jsonl", '{"topic": "a", "payload": "1", "tst": "2026-11-20T10:00:00"}', "a.jsonl:1: tst: not a time"),
        ("a.csv", "a;b\n1;2;3\n", "a.csv:2: 3 cells below a header of 2"),
        ("a.csv", "a;a\n1;2\n", "a.csv:1: two columns have the same name"),
        ("a.csv", "a,a.b\n1,2\n", "a.csv:2: a.b: another column"),
        ("a.csv", "", "a.csv is empty"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(TelemetryError, match=said.replace(".", r"\.")):
        read(tmp_path, text, name)


def test_a_file_that_is_missing_or_not_utf8_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="cannot be read: No such file"):
        list(read_recordings(tmp_path / "none.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b'{"t": "\xe9"}')
    with pytest.raises(TelemetryError, match="not UTF-8"):
        list(read_recordings(tmp_path / "latin.jsonl"))
