"""A draft of a stream's file: right for most of what real devices send, and never anything but a stream or a reason."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from corpus.devices import FOLDER, FORMATS, samples_of, stream_of
from telemetry.cli.main import app
from telemetry.contracts.loader import load_stream
from telemetry.contracts.model import Stream
from telemetry.contracts.reader import Arrival
from telemetry.contracts.validate import Reading
from telemetry.errors import TelemetryError
from telemetry.lake.payloads import compile_payload_reader
from telemetry.paths import STREAM_SCHEMA, STREAMS
from telemetry.streams.inference.doubts import About
from telemetry.streams.inference.infer import NOTHING_KNOWN, Known, Proposal, infer_stream
from telemetry.streams.json_schema import MODELINE
from telemetry.streams.recordings import Sample

TEN = datetime(2026, 11, 20, 10, tzinfo=UTC)
NOT_GUESSED = {
    "protobuf": "bytes of Protocol Buffers do not say which message they are",
    "skab": "nothing tells the zone of times recorded years before",
    "thingsboard_device": "no message names the device",
}
"""The formats whose draft reads another device or event time than the stream written by hand, each with the reason."""
TOLD = {"skab": Known(timezone="Europe/Moscow"), "thingsboard_device": Known(device="press-7")}
"""What makes the draft right, where a person has to say it."""


def recorded(name: str) -> list[Sample]:
    return [Sample(f"{name}:{at}", s.payload, s.topic, s.received_at) for at, s in enumerate(samples_of(name), 1)]


def samples(*payloads: object, topic: str | None = "plant/p-1/x") -> list[Sample]:
    return [
        Sample(f"here:{at}", json.dumps(payload).encode(), topic, TEN + timedelta(seconds=at))
        for at, payload in enumerate(payloads, 1)
    ]


def readings(stream: Stream, payload: bytes, arrival: Arrival) -> set[tuple[str, datetime]]:
    """Device and event time of what a message becomes."""
    outcomes = [row.outcome for row in compile_payload_reader(stream)(payload, arrival)]
    return {(one.device_id, one.event_time) for one in outcomes if isinstance(one, Reading)}


def loaded(proposal: Proposal, folder: Path) -> Stream:
    path = folder / f"{proposal.stream.stream}.yaml"
    path.write_text(proposal.text, encoding="utf-8")
    return load_stream(path)


def is_right(name: str, known: Known) -> bool:
    """Whether the draft reads all that the stream written by hand reads, with the same device and event time."""
    try:
        draft = infer_stream(name, recorded(name), known).stream
    except TelemetryError:
        return False
    by_hand = stream_of(name)
    return all(
        readings(by_hand, one.payload, one.arrival) <= readings(draft, one.payload, one.arrival)
        for one in samples_of(name)
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("has_filter", [False, True], ids=["topics alone", "topic filter given"])
def test_drafts_of_what_real_devices_send(name: str, has_filter: bool, tmp_path: Path) -> None:
    known = Known(topic=stream_of(name).topic) if has_filter else NOTHING_KNOWN
    assert is_right(name, known) == (name not in NOT_GUESSED)
    if name != "protobuf":
        proposal = infer_stream(name, recorded(name), known)
        assert loaded(proposal, tmp_path) == proposal.stream


@pytest.mark.parametrize("name", TOLD)
def test_unguessable_parts_are_asked_for_and_used(name: str) -> None:
    known = TOLD[name]
    asked = {doubt.about for doubt in infer_stream(name, recorded(name)).doubts if doubt.must_ask}
    assert asked == {About.timezone if known.timezone else About.device}
    assert is_right(name, known)
    assert not [doubt for doubt in infer_stream(name, recorded(name), known).doubts if doubt.must_ask]


def test_the_encoding_of_ambiguous_bytes_is_asked_for() -> None:
    with pytest.raises(TelemetryError, match="protobuf:1: the payloads are in none of the encodings"):
        infer_stream("protobuf", recorded("protobuf"))


FIELDS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "double": ([20, 20.5], {"type": "double"}),
    "whole numbers are doubles": ([20, 21], {"type": "double"}),
    "f_cnt": ([1, 2], {"type": "integer"}),
    "numbers as texts": (["1.5", "2"], {"type": "double", "accept": ("text",)}),
    "decimal comma": (["1,5", "2"], {"type": "double", "decimal": ","}),
    "words for none": ([1.5, "nan", "n/a"], {"type": "double", "null_values": ("nan", "n/a")}),
    "a number for none": ([21.5, 22, -127], {"type": "double", "null_values": (-127,)}),
    "no number for none": ([-110, -127], {"type": "double"}),
    "mostly numbers": ([1.5, 2, "broken"], {"type": "double", "on_error": "null"}),
    "booleans": ([True, False], {"type": "boolean"}),
    "on and off": (["ON", "off", ""], {"type": "boolean", "accept": ("text",), "null_values": ("",)}),
    "booleans and numbers": ([True, 0], {"type": "boolean", "accept": ("number",)}),
    "texts": (["OK", "LOW"], {"type": "string"}),
    "item_id": (["0012", "17"], {"type": "string"}),
    "texts and numbers": (["a", "b", 1], {"type": "string", "accept": ("number",)}),
    "lists": ([[1, 2], [3]], {"type": "json"}),
    "several types": ([True, "a", 2], {"type": "json"}),
    "installed_at": (["2026-01-01T00:00:00Z"] * 2, {"type": "timestamp", "format": "iso8601"}),
}


@pytest.mark.parametrize("name", FIELDS)
def test_types_and_options_of_fields(name: str, tmp_path: Path) -> None:
    values, expected = FIELDS[name]
    proposal = infer_stream("x", samples(*({"time": "2026-11-20T10:00:00Z", name: value} for value in values)))
    (field,) = loaded(proposal, tmp_path).fields.values()
    said = {key: value for key, value in field.model_dump(exclude_defaults=True).items() if key != "path"}
    assert said == expected
    assert f"in {sum(value not in field.null_values for value in values)} of {len(values)}" in proposal.text


def test_fields_of_all_messages_are_required_and_others_optional() -> None:
    payloads = [{"time": 1795168800 + n, "a": n / 2, **({"b": 1.5} if n else {})} for n in range(5)]
    fields = infer_stream("x", samples(*payloads)).stream.fields
    assert (fields["a"].required, fields["b"].required) == (True, False)
    few = infer_stream("x", samples(*payloads[:4])).stream.fields
    assert not few["a"].required


@pytest.mark.parametrize(
    ("value", "formats", "timezone"),
    [
        (1795168800, "epoch_seconds", None),
        (1795168800123, "epoch_milliseconds", None),
        ("1795168800", "epoch_seconds", None),
        ("2026-11-20T11:00:00+01:00", "iso8601", None),
        ("2026-11-20 10:00:00", "iso8601", "UTC"),
        ("20.11.2026 11:00:00", "%d.%m.%Y %H:%M:%S", "Europe/Berlin"),
        ("11/20/2026 05:00:00", "%m/%d/%Y %H:%M:%S", "America/New_York"),
        ("20.11.2026 15:30", "%d.%m.%Y %H:%M", "Asia/Kolkata"),
    ],
)
def test_times(value: object, formats: str, timezone: str | None) -> None:
    proposal = infer_stream("x", samples({"v": {"measured": 1, "at": value}}, {"v": {"measured": 2, "at": value}}))
    found = proposal.stream.event_time
    assert (found.path, found.format, found.timezone) == ("v.at", formats, timezone)
    assert ("text" in found.accept) == (value == "1795168800")


def test_unset_clocks_and_ambiguous_dates_are_doubts() -> None:
    event_time = infer_stream("x", samples({"ts": 1795168800, "a": 1}, {"ts": 12, "a": 1})).stream.event_time
    assert (event_time.earliest, event_time.on_error) == (datetime(2000, 1, 1, tzinfo=UTC), "received")
    doubts = infer_stream("x", samples({"date": "03/04/2026 10:00:00", "a": 1})).doubts
    assert any("%m/%d/%Y" in doubt.text for doubt in doubts if doubt.about is About.event_time)


@pytest.mark.parametrize(
    ("topics", "topic", "levels"),
    [
        (["devices/a/x", "devices/b/x"], "devices/+/x", ("device",)),
        (["a/sensor/t/state", "b/sensor/h/state"], "+/sensor/+/state", ("device",)),
        (["shop/1/scale-17/kg"], "shop/1/+/kg", ("device",)),
        (["zigbee2mqtt/a b", "zigbee2mqtt/hall/c"], "zigbee2mqtt/#", ("device",)),
        (["spBv1.0/g/DDATA/n/d"], "spBv1.0/+/DDATA/+/+", ("group", "node", "device")),
    ],
)
def test_topics(topics: list[str], topic: str, levels: tuple[str, ...]) -> None:
    stream = infer_stream("x", [one for name in topics for one in samples({"t": 1.5}, topic=name)]).stream
    assert (stream.topic, stream.device.levels) == (topic, levels)


def test_a_message_id_is_no_device() -> None:
    some = samples(*({"id": f"m{n}", "t": n / 2} for n in range(8)))
    assert infer_stream("x", some).stream.device.levels == ("device",)


def test_rare_values_are_found_among_many_messages_in_bounded_time() -> None:
    many = samples(*({"device_id": f"d{n % 9}", "time": 1795168800 + n % 50, "t": n / 10} for n in range(10_000)))
    many[4321] = many[4321]._replace(payload=b'{"device_id": "d1", "time": 1795168801, "t": "nan"}')
    begun = time.process_time()
    proposal = infer_stream("x", many)
    assert time.process_time() - begun < 10
    assert "nan" in proposal.stream.fields["t"].null_values
    assert not [doubt for doubt in proposal.doubts if doubt.about is About.messages]


NAMES = st.sampled_from(["ts", "time", "id", "device_id", "v", "name", "type", "metrics", "a.b", "$x", "", "rx"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(max_size=9)
    | st.sampled_from([1795168800, "2026-11-20T10:00:00Z", "20.11.2026 11:00:00", "nan", "12,5", "on", -127, ""])
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, min_size=1, max_size=4)
    ),
    max_leaves=10,
)
PAYLOADS = (
    DOCUMENTS.map(lambda document: json.dumps(document).encode())
    | st.binary(max_size=20)
    | st.text(max_size=30).map(str.encode)
)
TOPICS = st.none() | st.sampled_from(["a", "devices/d1/x", "zigbee2mqtt/a/b", "homie/a/b/c", "$SYS/a", "it's/a"])


@settings(max_examples=300)
@given(st.lists(st.tuples(PAYLOADS, TOPICS, st.none() | st.just(TEN)), min_size=1, max_size=4))
def test_any_samples_give_a_stream_that_reads_some_of_them_or_an_error(
    tmp_path: Path, rows: list[tuple[bytes, str | None, datetime | None]]
) -> None:
    some = [Sample(f"here:{at}", *row) for at, row in enumerate(rows)]
    try:
        proposal = infer_stream("x", some)
    except TelemetryError:
        return
    assert loaded(proposal, tmp_path) == proposal.stream


def run(*arguments: object, said: str = "") -> Result:
    return CliRunner().invoke(app, ["stream", "new", *map(str, arguments)], input=said)


def test_the_command_writes_a_file_under_which_the_samples_are_read(tmp_path: Path) -> None:
    recording, path = FOLDER / "tasmota" / "samples.jsonl", tmp_path / "boiler.yaml"
    ended = run("boiler", "--from", recording, "--output", path)
    assert ended.exit_code == 0
    assert "Europe/Berlin" in ended.stdout
    assert "telemetry stream check" in ended.stdout
    checked = CliRunner().invoke(app, ["stream", "check", str(path), "--samples", str(recording)])
    assert checked.exit_code == 0
    again = run("boiler", "--from", recording, "--output", path)
    assert isinstance(again.exception, TelemetryError)
    assert "is there already" in again.exception.message


def test_a_draft_beside_the_schema_names_it(tmp_path: Path) -> None:
    recording, path = FOLDER / "tasmota" / "samples.jsonl", tmp_path / "boiler.yaml"
    shutil.copy(STREAMS / STREAM_SCHEMA, tmp_path)
    assert run("boiler", "--from", recording, "--output", path).exit_code == 0
    first, second = path.read_text(encoding="utf-8").splitlines()[:2]
    assert (first, second[:9]) == (MODELINE, "# Drafted")
    (tmp_path / STREAM_SCHEMA).unlink()
    path.unlink()
    assert run("boiler", "--from", recording, "--output", path).exit_code == 0
    assert path.read_text(encoding="utf-8").startswith("# Drafted")


def test_the_command_asks_for_what_messages_do_not_say_and_nothing_with_yes(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("Zeit;Temperatur\n20.11.2026 11:00:00;20,5\n20.11.2026 11:01:00;20,6\n")
    path = tmp_path / "log.yaml"
    ended = run("log", "--from", file, "--output", path, said="plant/#/log\nplant/+/log\nMars\nEurope/Vienna\n")
    assert ended.exit_code == 0
    assert "# stands at the end only" in ended.stdout
    assert "'Mars' is no time zone" in ended.stdout
    stream = load_stream(path)
    assert (stream.topic, stream.event_time.timezone) == ("plant/+/log", "Europe/Vienna")
    path.unlink()
    assert run("log", "--from", file, "--output", path, "--yes").exit_code == 0
    assert (load_stream(path).topic, load_stream(path).event_time.timezone) == ("devices/+/log", "UTC")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x"], "--from"),
        (["x", "--from", "none.jsonl", "--output", "y.yaml"], "x.yaml"),
        (["x", "--topic", "a/b+"], "each stand for a whole level"),
    ],
)
def test_wrong_arguments(arguments: list[str], said: str) -> None:
    ended = run(*arguments)
    assert (ended.exit_code, said in ended.output) == (2, True)


@pytest.mark.parametrize(
    ("name", "said"), [("X", "cannot be a stream's name"), ("protobuf", "in none of the encodings")]
)
def test_no_file_is_written_without_a_draft(tmp_path: Path, name: str, said: str) -> None:
    path = tmp_path / f"{name}.yaml"
    ended = run(name, "--from", FOLDER / "protobuf" / "samples.jsonl", "--output", path)
    assert isinstance(ended.exception, TelemetryError)
    assert said in ended.exception.message
    assert not path.exists()
