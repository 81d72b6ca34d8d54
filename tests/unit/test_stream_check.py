"""What a stream makes of messages, as a function and as commands."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from corpus.devices import FOLDER, FORMATS, said, samples_of, stream_of
from telemetry.cli.main import app
from telemetry.contracts.encoding import Csv
from telemetry.contracts.loader import load_stream
from telemetry.contracts.parts import Device
from telemetry.contracts.reasons import Reason
from telemetry.errors import TelemetryError
from telemetry.lake.envelopes import envelope_of, open_envelope
from telemetry.lake.payloads import compile_payload_reader
from telemetry.streams.check import ADVICE, Checked, Fate, check_samples
from telemetry.streams.recordings import Sample, read_recordings
from telemetry.streams.replay import recorded_messages

SOIL = """
stream: soil
topic: field/+/soil
device: {levels: device}
event_time: {path: at, format: iso8601}
where: {path: kind, equals: soil}
fields:
  moisture: {type: double, range: [0, 100]}
  note: {type: string}
"""
GOOD = '{"kind": "soil", "at": "2026-11-20T10:00:00Z", "moisture": 31.5}'
LINES = [
    f'{{"topic": "field/a/soil", "tst": "2026-11-20T10:00:01Z", "payload": {GOOD}}}',
    '{"topic": "field/b/soil", "tst": "2026-11-20T10:00:01Z", "payload": {"kind": "lwt"}}',
    f'{{"topic": "yard/b/soil", "tst": "2026-11-20T10:00:01Z", "payload": {GOOD}}}',
]
WRONG = GOOD.replace("31.5", "150").replace('"at"', '"note": "\\u001b[31m", "at"')
BAD = f'{{"topic": "field/c/soil", "tst": "2026-11-20T10:00:01Z", "payload": {WRONG}}}'


@pytest.fixture
def soil(tmp_path: Path) -> Path:
    path = tmp_path / "soil.yaml"
    path.write_text(SOIL, encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["stream", *map(str, arguments)])


def checked(stream: Path, *lines: str) -> list[Checked]:
    samples = stream.parent / "samples.jsonl"
    samples.write_text("\n".join(lines), encoding="utf-8")
    return list(check_samples(load_stream(stream), read_recordings(samples)))


def test_each_fate(soil: Path) -> None:
    reading, filtered, elsewhere, refused = (one.results[0] for one in checked(soil, *LINES, BAD))
    assert (reading.fate, reading.device_id, reading.values) == (Fate.reading, "a", {"moisture": 31.5, "note": None})
    assert reading.event_time == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert filtered.fate is Fate.filtered
    assert (elsewhere.fate, "yard/b/soil" in elsewhere.detail) == (Fate.not_taken, True)
    assert (refused.fate, refused.reason) == (Fate.quarantined, Reason.out_of_range)
    assert "moisture is 150" in refused.detail
    assert "range" in refused.advice


def test_a_topic_that_the_recording_does_not_say(soil: Path) -> None:
    stream, samples = load_stream(soil), [Sample("here", GOOD.encode())]
    (unknown,) = check_samples(stream, samples)
    assert (unknown.results[0].fate, "--topic" in unknown.results[0].advice) == (Fate.quarantined, True)
    (known,) = check_samples(stream, samples, topic="field/z/soil")
    assert known.results[0].device_id == "z"


def test_every_reason_of_a_payload_has_advice() -> None:
    of_objects = {Reason.truncated_object, Reason.corrupt_object}
    assert ADVICE.keys() == set(Reason) - of_objects


@pytest.mark.parametrize("name", FORMATS)
def test_the_corpus_has_the_same_fates_as_expected(name: str) -> None:
    stream = stream_of(name)
    for sample in samples_of(name):
        recorded = Sample("here", sample.payload, sample.topic, sample.received_at)
        (one,) = check_samples(stream.model_copy(update={"event_time_ahead_seconds": 7200}), [recorded])
        expected = [row.get("reason", "filtered" if "filtered" in row else "reading") for row in sample.rows]
        assert [result.reason or result.fate for result in one.results] == expected


def test_the_command_prints_what_each_message_becomes(soil: Path) -> None:
    samples = soil.parent / "samples.jsonl"
    samples.write_text("\n".join(LINES), encoding="utf-8")
    ended = run("check", soil, "--samples", samples)
    assert ended.exit_code == 0
    assert "moisture=31.5" in ended.stdout
    assert "not taken" in ended.stdout
    samples.write_text("\n".join([*LINES, BAD]), encoding="utf-8")
    ended = run("check", soil, "--samples", samples)
    assert ended.exit_code == 1
    assert "out_of_range" in ended.stdout
    assert "Widen the range" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_the_command_as_json(soil: Path) -> None:
    samples = soil.parent / "samples.jsonl"
    samples.write_text("\n".join([*LINES, BAD]), encoding="utf-8")
    ended = run("check", soil, "--samples", samples, "--json")
    assert ended.exit_code == 1
    messages = json.loads(ended.stdout)["messages"]
    assert [one["results"][0]["fate"] for one in messages] == ["reading", "filtered", "not_taken", "quarantined"]
    assert messages[0]["results"][0]["values"] == {"moisture": 31.5, "note": None}
    assert messages[3]["message"] == f"{samples}:4"


def test_a_file_alone(soil: Path) -> None:
    assert "no fault" in run("check", soil).stdout
    soil.write_text(SOIL.replace("double", "float"), encoding="utf-8")
    ended = run("check", soil)
    assert ended.exit_code == 1
    assert isinstance(ended.exception, TelemetryError)
    assert f"{soil}:8: fields.moisture" in ended.exception.message


def test_a_csv_stream_is_tried_with_a_csv_file(tmp_path: Path) -> None:
    samples = tmp_path / "bench.csv"
    samples.write_text("datetime;Accelerometer1RMS;Volume Flow RateRMS\n2020-02-08 13:30:47;0.2;122.6\n")
    ended = run("check", FOLDER / "skab" / "skab.yaml", "--samples", samples, "--topic", "skab/valve1")
    assert (ended.exit_code, "flow_rate=122.6" in ended.stdout) == (0, True)


@pytest.mark.parametrize("name", FORMATS)
def test_replay_publishes_what_check_reads(name: str) -> None:
    path, stream = FOLDER / name / "samples.jsonl", stream_of(name)
    replayed = [(one.topic, one.payload) for one in recorded_messages(path, stream, as_history=False)]
    assert replayed == [(one.topic, one.payload) for one in read_recordings(path, stream)]


@pytest.mark.parametrize("name", [name for name in FORMATS if isinstance(stream_of(name).encoding, Csv)])
def test_replay_publishes_lines_of_csv_that_become_the_same_readings(tmp_path: Path, name: str) -> None:
    """Of a file with the payload's lines, of a device that they need not name."""
    (sample, *_) = samples_of(name)
    device = Device(constant=sample.rows[0]["device_id"])
    stream = stream_of(name).model_copy(update={"device": device, "event_time_ahead_seconds": 7200})
    path = tmp_path / "lines.csv"
    path.write_bytes(sample.payload)
    published = list(recorded_messages(path, stream, as_history=False))
    assert [one.payload for one in published] == [one.payload for one in read_recordings(path, stream)]
    read = compile_payload_reader(stream)
    rows = [row for message in published for row in read(message.payload, sample.arrival)]
    alone = [row | {"reading": None} if "reason" in row else row for row in sample.rows]
    assert [said(stream, row) for row in rows] == alone
    assert {stream.topic_of(message.device_id) for message in published} == {sample.topic}
    for line in recorded_messages(path, stream, as_history=True):
        assert b"\n" not in line.payload
        envelope = envelope_of(json.loads(line.payload))
        assert envelope is not None
        assert open_envelope(envelope) in [one.payload for one in published]


@pytest.fixture
def streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of streams' files in place of the project's."""
    folder = tmp_path / "streams"
    folder.mkdir()
    shutil.copy(FOLDER / "ocpp" / "ocpp.yaml", folder)
    from telemetry.contracts import loader

    monkeypatch.setattr("telemetry.paths.STREAMS", folder)
    monkeypatch.setattr(loader.read_streams, "__defaults__", (folder,))
    monkeypatch.setattr(loader.find_stream, "__defaults__", (folder,))
    return folder


def test_streams_are_listed_with_the_faults_of_their_files(streams: Path) -> None:
    ended = run("list")
    assert (ended.exit_code, "ocpp/+/call" in ended.stdout) == (0, True)
    (streams / "bad.yaml").write_text("stream: bad\n")
    ended = run("list", "--json")
    assert ended.exit_code == 1
    told = json.loads(ended.stdout)
    assert [row["stream"] for row in told["streams"]] == ["ocpp"]
    assert "bad.yaml:1: topic" in told["faults"][0]
    assert isinstance(ended.exception, TelemetryError)


def test_one_stream_is_shown(streams: Path) -> None:
    ended = run("show", "ocpp")
    assert ended.exit_code == 0
    for shown in ("$[2] is MeterValues", "$[3].meterValue[*]", "topic: device", "$[3].connectorId", "accept: text"):
        assert shown in ended.stdout
    fields = json.loads(run("show", "ocpp", "--json").stdout)["fields"]
    assert [field["field"] for field in fields] == ["connector", "energy", "voltage_l1"]
    assert run("show", "none").exit_code == 1
    text = (streams / "ocpp.yaml").read_text().replace("stream: ocpp", "stream: zocpp")
    (streams / "zocpp.yaml").write_text(text)
    ended = run("show", "zocpp")
    assert isinstance(ended.exception, TelemetryError)
    assert "takes messages of" in ended.exception.message
    assert run("show", "ocpp").exit_code == 0
