"""CBOR (RFC 8949)."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import cbor2

from telemetry.encodings import UndecodableError
from telemetry.encodings.values import as_json_values

DEPTH_MAX = 100


def _untagged(_: Any, tag: Any) -> Any:
    return tag.value


def decode_cbor(content: bytes) -> Any:
    """The one data item that the bytes are. A tag that the library does not know is passed over.

    Raises:
        UndecodableError: they are none, or something follows it.
    """
    stream = BytesIO(content)
    try:
        decoder = cbor2.CBORDecoder(stream, tag_hook=_untagged, max_depth=DEPTH_MAX, allow_duplicate_keys=False)
        document = decoder.decode()
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, ArithmeticError) as error:
        raise UndecodableError(f"no CBOR at byte {stream.tell() + 1}") from error
    if stream.tell() < len(content):
        raise UndecodableError(f"something follows the CBOR at byte {stream.tell() + 1}")
    return as_json_values(document)
