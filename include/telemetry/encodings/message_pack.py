"""MessagePack (msgpack.org)."""

from __future__ import annotations

from typing import Any

import msgpack

from telemetry.encodings import UndecodableError
from telemetry.encodings.values import as_json_values


def decode_message_pack(content: bytes) -> Any:
    """The one object that the bytes are; timestamps are texts in ISO 8601.

    Raises:
        UndecodableError: they are none, or something follows it.
    """
    try:
        document = msgpack.unpackb(content, timestamp=3, strict_map_key=False, ext_hook=lambda _, data: data)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise UndecodableError("no MessagePack") from error
    return as_json_values(document)
