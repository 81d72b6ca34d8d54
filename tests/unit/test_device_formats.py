"""What real devices send becomes the rows that a person expects, as it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from corpus.devices import FORMATS, said, samples_of, stream_of
from telemetry.contracts.model import Stream
from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.validate import Reading
from telemetry.lake.payloads import compile_payload_reader

X = {"type": "double", "path": "y"}


def test_decoded_bytes_replace_no_other_member() -> None:
    stream = stream_of("chirpstack_v4")
    (sample, *_) = samples_of("chirpstack_v4")
    payload = json.loads(sample.payload) | {"decoded": "the device's own"}
    (row,) = compile_payload_reader(stream)(json.dumps(payload).encode(), sample.arrival)
    assert isinstance(row.outcome, Reject)
    assert "decoded has a value already" in row.outcome.detail


def test_text_that_is_not_base64_is_not_decoded() -> None:
    stream = stream_of("chirpstack_v4")
    (sample, *_) = samples_of("chirpstack_v4")
    payload = json.loads(sample.payload) | {"data": "HO!!Qi9g=="}
    (row,) = compile_payload_reader(stream)(json.dumps(payload).encode(), sample.arrival)
    assert isinstance(row.outcome, Reject)
    assert row.outcome.reason is Reason.not_decodable


def test_the_corpus_has_every_format() -> None:
    assert len(FORMATS) >= 28


@pytest.mark.parametrize("name", FORMATS)
def test_each_message_becomes_the_expected_rows(name: str) -> None:
    stream = stream_of(name)
    read = compile_payload_reader(stream)
    for sample in samples_of(name):
        assert [said(stream, row) for row in read(sample.payload, sample.arrival)] == sample.rows


@pytest.mark.parametrize("name", FORMATS)
def test_a_message_read_again_has_the_same_ids_and_another_message_has_others(name: str) -> None:
    read = compile_payload_reader(stream_of(name))
    ids: list[str] = []
    for sample in samples_of(name):
        first, again = (
            [row.outcome.reading_id for row in read(sample.payload, sample.arrival) if isinstance(row.outcome, Reading)]
            for _ in range(2)
        )
        assert first == again
        ids += first
    assert len(set(ids)) == len(ids)


def test_bytes_after_a_cbor_item_are_not_ignored() -> None:
    one, *_ = samples_of("cbor")
    (row,) = compile_payload_reader(stream_of("cbor"))(one.payload + b"\x00", one.arrival)
    assert isinstance(row.outcome, Reject)
    assert row.outcome.reason is Reason.not_decodable


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"event_time": {"path": "t", "format": "iso8601", "timezone": "Mars"}}, "'Mars' is no time zone"),
        ({"readings": "$.values[*]", "fields": {"a": {"type": "double", "path": "x"}, "b": {**X, "path": "$.x"}}}, ""),
        (
            {"fields": {"a": {"type": "double", "path": "x"}, "b": {**X, "path": "$.x"}}},
            "two fields read the same path",
        ),
    ],
    ids=["unknown zone", "beside the readings", "the same place"],
)
def test_zones_and_paths_are_checked(change: dict[str, Any], said: str) -> None:
    document = {
        "stream": "x",
        "topic": "x/+",
        "device": {"levels": "device"},
        "event_time": "received",
        "fields": {"a": X},
    }
    if not said:
        Stream.model_validate(document | change)
        return
    with pytest.raises(ValidationError, match=said):
        Stream.model_validate(document | change)
