"""Read recorded messages one by one: output of mosquitto_sub, JSON Lines, a JSON array, or CSV."""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from telemetry.contracts.model import Stream
from telemetry.devices.csv_records import csv_payloads
from telemetry.devices.json_records import DECODER, Record, json_array, json_lines
from telemetry.devices.replay import CSV_ENDINGS
from telemetry.errors import TelemetryError
from telemetry.streams.csv_recordings import csv_messages

BYTES = ("payload_hex", "payload_base64")


class Sample(NamedTuple):
    """One message: where it was found, its bytes, and its topic and arrival, as far as they are known."""

    where: str
    payload: bytes
    topic: str | None = None
    received_at: datetime | None = None


def read_recordings(path: Path, stream: Stream | None = None) -> Iterator[Sample]:
    """The messages of a file, in its order.

    A record with a ``topic`` and a ``payload`` is a message as ``mosquitto_sub -F %J`` or ``-F %j`` writes it: ``tst``
    is its arrival, and a payload that is a text is the message's bytes. Other bytes are in ``payload_hex`` or
    ``payload_base64``. Any other record is a payload, whose topic is not known. A ``.csv`` file's rows are payloads as
    ``telemetry replay`` publishes them to the ``stream``; without one, JSON records typed by their cells.

    Raises:
        TelemetryError: ``FILE:LINE: what is wrong``.
    """
    is_csv = path.suffix.lower() in CSV_ENDINGS
    try:
        if path.exists() and not path.is_file():
            hint = "It is read more than once: write what comes out of a pipe into a file first."
            raise TelemetryError(f"{path} is not a regular file.", hint)
        with path.open(encoding="utf-8-sig", newline="" if is_csv else None) as file:
            if is_csv:
                yield from (Sample(*message) for message in _csv(path, file, stream))
            else:
                yield from map(_sample, _records(path, file))
    except OSError as error:
        raise TelemetryError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise TelemetryError(f"{path}: not UTF-8: {error.reason}.", "Save it as UTF-8.") from error


def _csv(path: Path, file: TextIO, stream: Stream | None) -> Iterator[tuple[str, bytes]]:
    if stream is None:
        return csv_messages(path, file)
    return ((record.where, record.text.encode()) for record in csv_payloads(path, file, stream))


def _records(path: Path, file: TextIO) -> Iterator[Record]:
    """JSON Lines, also where each line is an array; one array where the first line is not the whole of it."""
    first = next((line for line in file if line.strip()), "")
    is_alone = not any(line.strip() for line in file)
    if not first:
        raise TelemetryError(f"{path} is empty.")
    file.seek(0)
    is_array = first.lstrip().startswith("[") and (is_alone or not _is_json(first))
    return json_array(path, file) if is_array else json_lines(path, file)


def _is_json(text: str) -> bool:
    try:
        DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return False
    return True


def _sample(record: Record) -> Sample:
    where, value, text = record
    if not isinstance(value, dict) or not isinstance(value.get("topic"), str) or not {"payload", *BYTES} & value.keys():
        return Sample(where, text.encode())
    payload = _payload(where, value, text)
    return Sample(where, payload, value["topic"], _arrival(where, value.get("tst")))


def _payload(where: str, message: dict[str, Any], text: str) -> bytes:
    for name, read in zip(BYTES, (bytes.fromhex, _from_base64), strict=True):
        if name in message:
            try:
                return read(message[name])
            except (NotBase64, ValueError, TypeError):
                raise TelemetryError(f"{where}: {name}: not a text in {name.removeprefix('payload_')}.") from None
    match message["payload"]:
        case None:
            return b""
        case str() as written:
            return written.encode(errors="surrogatepass")
    return _member(text, "payload").encode()


def _from_base64(text: str) -> bytes:
    return a2b_base64(text, strict_mode=True)


def _member(text: str, wanted: str) -> str:
    """The text of a member of a JSON object, whose numbers keep their digits."""
    at, found = text.index("{") + 1, ""
    while (at := _past_space(text, at)) < len(text) and text[at] == '"':
        name, at = DECODER.raw_decode(text, at)
        start = _past_space(text, text.index(":", at) + 1)
        _, end = DECODER.raw_decode(text, start)
        if name == wanted:
            found = text[start:end]
        at = _past_space(text, end) + 1  # the comma
    return found


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _arrival(where: str, said: object) -> datetime | None:
    """mosquitto_sub writes ISO 8601 with an offset; some versions write epoch seconds."""
    if said is None:
        return None
    try:
        if isinstance(said, int | float) and not isinstance(said, bool):
            return datetime.fromtimestamp(said, UTC)
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise TelemetryError(f"{where}: tst: not a time in ISO 8601 with an offset.")
    return moment.astimezone(UTC)
