"""What devices send becomes the rows that a person expects, from MQTT or a recording to PostgreSQL; all is counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from corpus.devices import FORMATS, Sample, samples_of
from device_formats import WAYS, Counts, Outcome, sent_and_loaded
from telemetry.contracts.encoding import SenML
from telemetry.contracts.fields import FieldType
from telemetry.contracts.model import Stream
from telemetry.contracts.validate import Reading
from telemetry.encodings.exact_json import dumps
from telemetry.interval import Interval
from telemetry.lake.payloads import compile_payload_reader
from telemetry.local.services.postgres import Login


@pytest.fixture(scope="module")
def outcomes(database: Login, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    with sent_and_loaded(database, tmp_path_factory.mktemp("formats")) as outcomes:
        yield outcomes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FORMATS)
def test_messages_become_the_expected_readings(outcomes: dict[str, Outcome], name: str, way: str) -> None:
    outcome = outcomes[name]
    arrival = None if way == "history" else outcome.published
    left = list(outcome.ways[way].readings)
    for sample in samples_of(name):
        for expected in sample.rows:
            if "device_id" in expected:
                found = [one for one in left if _is(one, expected, sample, outcome.stream, arrival)]
                assert found, f"{expected} is not among {left}"
                left.remove(found[0])
    assert not left, "more than was expected"


def _is(
    reading: dict[str, Any], expected: dict[str, Any], sample: Sample, stream: Stream, arrival: Interval | None
) -> bool:
    """Whether a row of the table is the expected reading. ``arrival`` is when its message came, unless as recorded."""
    values = {name: _plain(value, stream.fields[name].type) for name, value in reading["values"].items()}
    if {**expected, "event_time": ""} != {**reading, "values": values, "event_time": ""}:
        return False
    time = datetime.fromisoformat(expected["event_time"])
    if reading["event_time"] == time:
        return True
    after_arrival = reading["event_time"] - (time - sample.received_at)
    return arrival is not None and _follows_arrival(stream) and arrival.start <= after_arrival <= arrival.end


def _follows_arrival(stream: Stream) -> bool:
    """Whether event times may be those of the messages' arrival, or be relative to it."""
    times = stream.event_time
    return not times.path or times.on_error == "received" or isinstance(stream.encoding, SenML)


def _plain(value: Any, type_: FieldType) -> Any:
    """As ``expected.json`` has it: of a column of JSON, its text."""
    if type_ is FieldType.json and value is not None:
        return dumps(value).decode()
    return value.isoformat() if isinstance(value, datetime) else value


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_reading_is_in_the_quarantine(outcomes: dict[str, Outcome], name: str, way: str) -> None:
    samples = samples_of(name)
    expected = [
        (row["reason"], row["detail"], row["reading"], sample.topic)
        for sample in samples
        for row in sample.rows
        if "reason" in row
    ]
    found = outcomes[name].ways[way].rejects
    assert sorted(map(str, expected)) == sorted(str(row[:4]) for row in found)
    payloads = {sample.payload for sample in samples}
    assert all(any(raw in payload for payload in payloads) for *_, raw in found)


@pytest.mark.parametrize("name", FORMATS)
def test_every_message_is_accounted_for(outcomes: dict[str, Outcome], name: str) -> None:
    """The queue came first, so the lake has duplicates."""
    messages, rows_of = len(samples_of(name)), [row for sample in samples_of(name) for row in sample.rows]
    readings, quarantined, filtered = (
        sum(kind in row for row in rows_of) for kind in ("device_id", "reason", "filtered")
    )
    assert outcomes[name].lanes == {
        "lake": Counts(messages, 0, readings, quarantined, filtered, 0, 0, 0),
        "queue": Counts(messages, readings, 0, quarantined, filtered, 0, 0, 0),
    }
    assert outcomes[name].history_lanes == {
        "lake": Counts(messages, readings, 0, quarantined, filtered, 0, 0, 0),
        "queue": Counts(0, 0, 0, 0, 0, 0, 0, 0),
    }


@pytest.mark.parametrize("name", FORMATS)
def test_values_that_became_null_are_counted(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    read = compile_payload_reader(outcome.stream)
    read_rows = [row.outcome for sample in samples_of(name) for row in read(sample.payload, sample.arrival)]
    nulled = sum(one.nulled for one in read_rows if isinstance(one, Reading))
    assert [outcome.ways[way].nulled for way in WAYS] == [nulled] * len(WAYS)
