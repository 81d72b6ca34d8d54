"""Numbers packed into bytes, by a table of bits: what constrained devices and vendors' own LoRaWAN formats send."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from telemetry.encodings import UndecodableError

FLOATS = {16: "e", 32: "f", 64: "d"}


@dataclass(frozen=True)
class BitField:
    """``bits`` from bit ``at`` on, counted from the first byte's most significant bit; little-endian by whole bytes."""

    name: str
    at: int
    bits: int
    signed: bool = False
    float: bool = False
    byte_order: str = "big"


def decode_bit_fields(content: bytes, fields: Iterable[BitField]) -> dict[str, int | float]:
    """The numbers by their names; a field that lies beyond the bytes is not among them.

    Raises:
        UndecodableError: none of the fields is there.
    """
    whole, length = int.from_bytes(content, "big"), 8 * len(content)
    found = {
        field.name: _number((whole >> (length - field.at - field.bits)) & ((1 << field.bits) - 1), field)
        for field in fields
        if field.at + field.bits <= length
    }
    if not found:
        raise UndecodableError(f"{len(content)} bytes are too few for any of the fields")
    return found


def _number(value: int, field: BitField) -> int | float:
    if field.byte_order == "little":
        value = int.from_bytes(value.to_bytes(field.bits // 8, "big"), "little")
    if field.float:
        number: float = struct.unpack(f">{FLOATS[field.bits]}", value.to_bytes(field.bits // 8, "big"))[0]
        return number
    return value - (1 << field.bits) if field.signed and value >> (field.bits - 1) else value
