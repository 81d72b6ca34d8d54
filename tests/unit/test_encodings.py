"""Encodings: any bytes end in rows, in bounded time and memory, and what is sound comes out as it was."""

from __future__ import annotations

import csv
import io
import json
import struct
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import cbor2
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.devices import FORMATS, Sample, samples_of, stream_of
from telemetry.contracts.reasons import Reject
from telemetry.contracts.validate import Reading
from telemetry.encodings import UndecodableError
from telemetry.encodings.bit_fields import BitField, decode_bit_fields
from telemetry.encodings.cayenne_lpp import decode_cayenne_lpp
from telemetry.encodings.cbor import decode_cbor
from telemetry.encodings.csv_lines import decode_csv
from telemetry.encodings.message_pack import decode_message_pack
from telemetry.encodings.senml import resolve_senml
from telemetry.lake.payloads import ReadPayload, compile_payload_reader

READERS: dict[str, ReadPayload] = {name: compile_payload_reader(stream_of(name)) for name in FORMATS}
SAMPLES: list[tuple[str, Sample]] = [(name, sample) for name in FORMATS for sample in samples_of(name)]

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def assert_rows(name: str, payload: bytes, sample: Sample) -> None:
    rows = READERS[name](payload, sample.arrival)
    assert rows
    for row in rows:
        assert isinstance(row.outcome, Reading) or not isinstance(row.outcome, Reject) or len(row.outcome.detail) < 300


@settings(max_examples=150)
@given(sample=st.sampled_from(SAMPLES), payload=st.binary(max_size=200))
def test_any_bytes_become_rows(sample: tuple[str, Sample], payload: bytes) -> None:
    assert_rows(sample[0], payload, sample[1])


@settings(max_examples=150)
@given(sample=st.sampled_from(SAMPLES), data=st.data())
def test_a_damaged_payload_becomes_rows(sample: tuple[str, Sample], data: st.DataObject) -> None:
    name, one = sample
    at = data.draw(st.integers(0, len(one.payload)))
    cut = data.draw(st.integers(0, 8))
    damaged = one.payload[:at] + data.draw(st.binary(max_size=8)) + one.payload[at + cut :]
    assert_rows(name, damaged, one)


BOMBS = {
    "cbor": [
        b"\x9b" + b"\xff" * 8,
        b"\x5b\x7f" + b"\xff" * 7,
        b"\x81" * 100_000,
        b"\xbf" * 50_000,
        b"\xd8\x1c" * 40_000,
    ],
    "message_pack": [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\x91" * 100_000, b"\xc6\xff\xff\xff\xff"],
    "protobuf": [b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 100_000],
    "csv_logger": [b'"' * 131_072, b";" * 131_072, b"\n" * 131_072],
    "senml_json": [b"[" * 131_072, b'[{"bn":' * 20_000, b'[{"n":"a","v":1}' + b',{"n":"a","v":1}' * 7_000 + b"]"],
    "senml_cbor": [b"\x9f" * 100_000],
    "kepserverex": [
        json.dumps({**{f"n{number}": 1 for number in range(8_000)}, "values": [1] * 20_000}).encode(),
        b'{"x":"' + b"y" * 60_000 + b'","values":[' + b"1," * 30_000 + b"1]}",
        b"[" * 131_072,
    ],
}


@pytest.mark.parametrize("name", BOMBS)
def test_hostile_payloads_are_read_in_bounded_time_and_memory(name: str) -> None:
    sample = samples_of(name)[0]
    for bomb in BOMBS[name]:
        tracemalloc.start()
        began = time.process_time()
        assert_rows(name, bomb, sample)
        peak, seconds = tracemalloc.get_traced_memory()[1], time.process_time() - began
        tracemalloc.stop()
        assert peak < 150_000_000
        assert seconds < 20  # of a process that is traced


def test_cbor_that_refers_to_itself_again_and_again_is_refused() -> None:
    shared: list[Any] = ["x"]
    for _ in range(40):
        shared = [shared, shared]
    with pytest.raises(UndecodableError):
        decode_cbor(cbor2.dumps(shared, value_sharing=True))


@given(values)
def test_cbor_and_message_pack_come_out_as_they_went_in(document: Any) -> None:
    assert decode_cbor(cbor2.dumps(document)) == document
    assert decode_message_pack(msgpack.packb(document)) == document


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1), min_size=2, max_size=2)
    )
)
def test_csv_lines_come_out_as_they_went_in(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(rows)
    assert decode_csv(text.getvalue().encode(), delimiter=";", columns=("a", "b")) == [
        {"a": first, "b": second} for first, second in rows
    ]


@pytest.mark.parametrize(
    ("content", "decoded"),
    [
        ("03670110056700ff", {"temperature_3": 27.2, "temperature_5": 25.5}),
        ("067104d2fb2e0000", {"accelerometer_6": {"x": 1.234, "y": -1.234, "z": 0.0}}),
        ("0167ffd7", {"temperature_1": -4.1}),
        ("018806765ff2960a0003e8", {"gps_1": {"latitude": 42.3519, "longitude": -87.9094, "altitude": 10.0}}),
    ],
)
def test_cayenne_lpp_decodes_its_own_examples(content: str, decoded: dict[str, Any]) -> None:
    assert decode_cayenne_lpp(bytes.fromhex(content)) == decoded


@given(st.integers(-(2**15), 2**15 - 1), st.integers(0, 2**12 - 1), st.floats(width=32, allow_nan=False))
def test_bit_fields_give_back_what_was_packed(signed: int, bits: int, number: float) -> None:
    packed = struct.pack("<h", signed) + struct.pack(">H", 0xA000 | bits) + struct.pack(">f", number)
    fields = [
        BitField("signed", 0, 16, signed=True, byte_order="little"),
        BitField("high", 16, 4),
        BitField("bits", 20, 12),
        BitField("number", 32, 32, float=True),
        BitField("beyond", 64, 1),
    ]
    assert decode_bit_fields(packed, fields) == {"signed": signed, "high": 0xA, "bits": bits, "number": number}


def test_senml_resolves_the_example_of_the_rfc() -> None:
    """RFC 8428, section 5.1.3."""
    pack = [
        {"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1.320067464e09, "bu": "%RH", "v": 20},
        {"u": "lon", "v": 24.30621},
        {"u": "lat", "v": 60.07965},
        {"t": 60, "v": 20.3},
    ]
    resolved = resolve_senml(pack, datetime(2026, 1, 1, tzinfo=UTC))
    assert [one["time"] for one in resolved] == [1320067464, 1320067464, 1320067464, 1320067524]
    assert {one["device"] for one in resolved} == {"urn:dev:ow:10e2073a01080063:"}
    assert resolved[0]["values"] == {"": {"v": 20, "u": "%RH"}}
