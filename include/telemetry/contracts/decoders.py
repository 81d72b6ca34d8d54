"""The decoder of the encoding that a stream's file names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from telemetry.contracts.encoding import Cbor, Csv, Encoding, Json, MessagePack, Protobuf, SenML, Text
from telemetry.encodings import UndecodableError, exact_json

Decode = Callable[[bytes, datetime | None], Any]
"""Takes a payload and when it arrived, as far as is known. Raises ``UndecodableError``, or ``RecursionError``."""


def decoder(encoding: Encoding) -> Decode:
    """Return a decoder from payloads to JSON-like values that can be stored. Its library is imported only now."""
    decode = _decoder(encoding)
    return lambda content, received_at: exact_json.storable(decode(content, received_at))


def _decoder(encoding: Encoding) -> Decode:
    match encoding:
        case Json():
            return _alone(partial(_json, allow_nan=encoding.allow_nan))
        case SenML():
            from telemetry.encodings.senml import resolve_senml

            inner = _decoder(Cbor() if encoding.format == "cbor" else Json())
            return lambda content, received_at: resolve_senml(inner(content, received_at), received_at)
        case Cbor():
            from telemetry.encodings.cbor import decode_cbor

            return _alone(decode_cbor)
        case MessagePack():
            from telemetry.encodings.message_pack import decode_message_pack

            return _alone(decode_message_pack)
        case Csv():
            from telemetry.encodings.csv_lines import decode_csv

            return _alone(partial(decode_csv, delimiter=encoding.delimiter, columns=encoding.columns))
        case Text():
            return _alone(_text)
        case Protobuf():
            from telemetry.encodings.protobuf import decode_protobuf

            return _alone(partial(decode_protobuf, descriptor=Path(encoding.descriptor), message=encoding.message))


def _alone(decode: Callable[[bytes], Any]) -> Decode:
    return lambda content, _: decode(content)


def _json(content: bytes, *, allow_nan: bool) -> Any:
    try:
        return exact_json.decode(content, allow_nan=allow_nan)
    except ValueError as error:
        raise UndecodableError(str(error)) from error


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UndecodableError(f"not UTF-8 at byte {error.start}") from error
