"""Guess the encoding of payloads, and decode them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from telemetry.contracts.decoders import decoder
from telemetry.contracts.encoding import Cbor, Csv, Encoding, Json, MessagePack, SenML, Text
from telemetry.devices.csv_records import DELIMITERS
from telemetry.encodings import UndecodableError
from telemetry.streams.inference.doubts import About, Doubt
from telemetry.streams.inference.leaves import Message, is_list_of_objects, is_object, is_positional
from telemetry.streams.inference.times import is_time
from telemetry.streams.recordings import Sample

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
NUMBER = re.compile(r"\s*[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?\s*", re.ASCII)


def guess_encoding(samples: Sequence[Sample]) -> tuple[Encoding, list[Doubt]] | None:
    """The encoding that at least half of the payloads have; ``None`` where it is none of those tried."""
    texts = [text for sample in samples if (text := _text(sample.payload)) is not None]
    if len(texts) * 2 < len(samples):
        return _most_structured(samples, (SenML(format="cbor"), Cbor(), MessagePack()))
    found = _most_structured(samples, (SenML(), Json(), Json(allow_nan=True)))
    if found is not None:
        return found
    if all(NUMBER.fullmatch(text) and "," not in text for text in texts) and texts:
        return Json(), []
    table = guess_csv(texts)
    if table is not None:
        return table
    return Text(), []


def decode_samples(samples: Sequence[Sample], encoding: Encoding) -> list[Message]:
    """The payloads that the encoding decodes."""
    decode = decoder(encoding)
    return [
        Message(number, document[0])
        for number, sample in enumerate(samples)
        if (document := _decoded(decode, sample.payload, sample.received_at)) is not None
    ]


def _decoded(decode: Any, payload: bytes, received_at: datetime | None) -> tuple[Any] | None:
    try:
        return (decode(payload, received_at),)
    except (UndecodableError, RecursionError):
        return None


def _most_structured(samples: Sequence[Sample], encodings: Sequence[Encoding]) -> tuple[Encoding, list[Doubt]] | None:
    """SenML where half of the payloads are it; else the encoding in which most are objects or arrays."""
    best: Encoding | None = None
    most = (len(samples) + 1) // 2 - 1
    for encoding in encodings:
        documents = [message.document for message in decode_samples(samples, encoding)]
        fitting = sum(map(_is_senml if isinstance(encoding, SenML) else _is_structured, documents))
        if fitting > most:
            best, most = encoding, fitting
            if isinstance(encoding, SenML):
                break
    if best is None:
        return None
    broken = len(samples) - most
    said = f"{broken} of {len(samples)} messages are not in the encoding {best.type}"
    return best, [Doubt(About.encoding, said)] if broken else []


def _is_structured(document: Any) -> bool:
    return is_object(document) or is_list_of_objects(document) or is_positional(document)


def _is_senml(readings: Any) -> bool:
    """A pack with names: any list of objects resolves to something."""
    return bool(readings) and all(reading["device"] or "" not in reading["values"] for reading in readings)


def _text(payload: bytes) -> str | None:
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if CONTROL.search(text) else text


def guess_csv(texts: Sequence[str]) -> tuple[Csv, list[Doubt]] | None:
    """Lines of the same number of cells, at least two, of which some are numbers or times."""
    payloads = [lines for text in texts if (lines := [line for line in text.splitlines() if line.strip()])]
    for delimiter in DELIMITERS:
        tables = [[line.split(delimiter) for line in lines] for lines in payloads]
        widths = {len(row) for rows in tables for row in rows}
        if len(widths) == 1 and (width := widths.pop()) > 1:
            if delimiter == "," and width == 2 and all(NUMBER.fullmatch(line) for lines in payloads for line in lines):
                return None  # one number with a decimal comma
            return _table(tables, delimiter, width)
    return None


def _table(tables: Sequence[list[list[str]]], delimiter: str, width: int) -> tuple[Csv, list[Doubt]] | None:
    first = tables[0][0]
    is_header = (
        not any(map(_is_value, first))
        and all(rows[0] == first for rows in tables)
        and len({name.strip() for name in first}) == width
        and any(len(rows) > 1 for rows in tables)
    )
    body = [row for rows in tables for row in (rows[1:] if is_header else rows)]
    if not any(_is_value(cell) for row in body for cell in row):
        return None
    if is_header:
        return Csv(delimiter=delimiter), []
    columns = tuple(_column_name([row[at] for row in body], at) for at in range(width))
    return Csv(delimiter=delimiter, columns=columns), [
        Doubt(About.encoding, "the lines have no names of columns: rename those in encoding.columns and in fields")
    ]


def _column_name(cells: Sequence[str], at: int) -> str:
    return "time" if at == 0 and all(is_time(cell) for cell in cells) else f"column_{at + 1}"


def _is_value(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell)) or is_time(cell)
