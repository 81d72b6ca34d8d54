"""What real devices send becomes the rows that a person expects, as it comes."""

from __future__ import annotations

import pytest

from corpus.devices import FORMATS, said, samples_of, stream_of
from telemetry.contracts.validate import Reading
from telemetry.lake.payloads import compile_payload_reader


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
