"""Cayenne Low Power Payload (myDevices, "Cayenne LPP 2.0"): channel, type and value, one after the other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from telemetry.encodings import UndecodableError


class _Type(NamedTuple):
    """A value's parts: their names (none where there is one), each with its bytes, whether signed, and its unit."""

    name: str
    parts: tuple[tuple[str, int, bool, str], ...]


def _one(name: str, size: int, resolution: str, *, signed: bool = False) -> _Type:
    return _Type(name, (("", size, signed, resolution),))


TYPES: dict[int, _Type] = {
    0: _one("digital_in", 1, "1"),
    1: _one("digital_out", 1, "1"),
    2: _one("analog_in", 2, "0.01", signed=True),
    3: _one("analog_out", 2, "0.01", signed=True),
    100: _one("generic", 4, "1"),
    101: _one("luminosity", 2, "1"),
    102: _one("presence", 1, "1"),
    103: _one("temperature", 2, "0.1", signed=True),
    104: _one("relative_humidity", 1, "0.5"),
    113: _Type("accelerometer", tuple((axis, 2, True, "0.001") for axis in "xyz")),
    115: _one("barometric_pressure", 2, "0.1"),
    116: _one("voltage", 2, "0.01"),
    117: _one("current", 2, "0.001"),
    118: _one("frequency", 4, "1"),
    120: _one("percentage", 1, "1"),
    121: _one("altitude", 2, "1", signed=True),
    122: _one("load", 3, "0.001", signed=True),
    125: _one("concentration", 2, "1"),
    128: _one("power", 2, "1"),
    130: _one("distance", 4, "0.001"),
    131: _one("energy", 4, "0.001"),
    132: _one("direction", 2, "1"),
    133: _one("unix_time", 4, "1"),
    134: _Type("gyrometer", tuple((axis, 2, True, "0.01") for axis in "xyz")),
    135: _Type("colour", tuple((part, 1, False, "1") for part in ("red", "green", "blue"))),
    136: _Type(
        "gps", (("latitude", 3, True, "0.0001"), ("longitude", 3, True, "0.0001"), ("altitude", 3, True, "0.01"))
    ),
    142: _one("switch", 1, "1"),
}


def decode_cayenne_lpp(content: bytes) -> dict[str, Any]:
    """The values by ``<type>_<channel>``, as The Things Stack names them: ``{"temperature_3": 27.2}``.

    Raises:
        UndecodableError: a type is not known, a value is cut short, or a channel has a type twice.
    """
    found: dict[str, Any] = {}
    at = 0
    while at < len(content):
        if at + 2 > len(content) or content[at + 1] not in TYPES:
            raise UndecodableError(f"no type of Cayenne LPP at byte {at + 1}")
        kind = TYPES[content[at + 1]]
        name, at, values = f"{kind.name}_{content[at]}", at + 2, {}
        for part, size, signed, resolution in kind.parts:
            if at + size > len(content):
                raise UndecodableError(f"{name} is cut short")
            values[part] = _scaled(int.from_bytes(content[at : at + size], "big", signed=signed), resolution)
            at += size
        if name in found:
            raise UndecodableError(f"{name} is there twice")
        found[name] = values.get("", values)
    return found


def _scaled(number: int, resolution: str) -> int | float:
    return number if resolution == "1" else float(number * Decimal(resolution))
