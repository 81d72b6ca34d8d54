"""Recorded messages, read record by record from a file with a JSON array, JSON Lines or CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from telemetry.contracts.convert import Convert, time_converter
from telemetry.contracts.model import Stream
from telemetry.contracts.reasons import Rejected
from telemetry.devices.csv_records import csv_payloads
from telemetry.devices.json_records import Record, json_array, json_lines
from telemetry.devices.messages import DeviceMessage, check_size, value_at
from telemetry.errors import TelemetryError

CSV_ENDINGS = frozenset({".csv", ".tsv"})
NOT_IN_A_TOPIC = re.compile(r"[/+#\0\ud800-\udfff]")


def replay(path: Path, stream: Stream, *, for_topics: bool = True) -> Iterator[DeviceMessage]:
    """Yield the records of a file as messages of ``stream``'s devices, in order, without reading the whole file first.

    A ``.csv`` or ``.tsv`` file is CSV, one that begins with ``[`` a JSON array, any other JSON Lines. The payload of a
    JSON record is its original text, so that no value is changed. The rows of a CSV file are payloads as
    ``csv_payloads`` makes them: its header names fields of the contract or dotted paths; empty cells are left out.

    Raises:
        TelemetryError: the file cannot be read, is not a regular file or is malformed, or a record is not an object,
            names no device, or (``for_topics``) a device that no topic can name, or is larger than AWS IoT Core
            accepts. The message is ``FILE:LINE: FIELD: what is wrong``; for an array it has the record's number, too.
    """
    is_csv = path.suffix.lower() in CSV_ENDINGS
    try:
        if path.exists() and not path.is_file():
            hint = "It is read more than once: write what comes out of a pipe into a file first."
            raise TelemetryError(f"{path} is not a regular file.", hint)
        # -sig: programs on Windows begin UTF-8 files with a byte order mark.
        with path.open(encoding="utf-8-sig", newline="" if is_csv else None) as file:
            read_time = time_converter(stream.event_time)
            for record in csv_payloads(path, file, stream) if is_csv else _json(path, file):
                yield _message(record, stream, read_time, for_topics=for_topics)
    except OSError as error:
        raise TelemetryError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise TelemetryError(f"{path}: not UTF-8: {error.reason}.", "Save it as UTF-8.") from error


def _json(path: Path, file: TextIO) -> Iterator[Record]:
    first = file.read(1)
    while first.isspace():
        first = file.read(1)
    if not first:
        raise TelemetryError(f"{path} is empty.")
    file.seek(0)
    return json_array(path, file) if first == "[" else json_lines(path, file)


def _message(record: Record, stream: Stream, read_time: Convert, *, for_topics: bool) -> DeviceMessage:
    where, value, text = record
    if not isinstance(value, dict):
        raise TelemetryError(f"{where}: not an object, but {text[:40]}.")
    device = _device(where, value, stream)
    if for_topics and NOT_IN_A_TOPIC.search(str(device)):
        raise TelemetryError(f"{where}: {stream.device.path}: {device!r} cannot be part of an MQTT topic.")
    try:
        moment = read_time(value_at(value, stream.event_time.path))
    except Rejected:
        moment = None
    payload = text.encode()
    if for_topics:
        check_size(where, payload)
    return DeviceMessage(str(device), payload, moment)


def _device(where: str, value: dict[str, Any], stream: Stream) -> Any:
    place = stream.device.path
    if not (place or stream.device.constant) or not stream.event_time.path:
        raise TelemetryError(
            f"{where}: stream {stream.stream} takes the device or the time from the message's topic and arrival.",
            "Replay a recording, as `mosquitto_sub -F %J` writes it: its records have tst, topic and payload.",
        )
    device = value_at(value, place) if place else stream.device.constant
    if device is None or isinstance(device, dict | list | bool) or device == "":
        raise TelemetryError(
            f"{where}: {place}: the record names no device.",
            f"Stream {stream.stream} takes the device from {place!r}, as its contract says.",
        )
    return device
