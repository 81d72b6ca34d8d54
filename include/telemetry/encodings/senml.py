"""Sensor Measurement Lists (RFC 8428), in JSON and in CBOR: resolved, and gathered by base name and time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from telemetry.encodings import UndecodableError
from telemetry.encodings.exact_json import ExactNumber, nearest

CBOR_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""RFC 8428, section 6, table 4."""
NUMBERS = frozenset({"bver", "bt", "bv", "bs", "v", "s", "t", "ut"})
TEXTS = frozenset({"bn", "bu", "n", "u", "vs", "vd"})
VERSION = 10
ABSOLUTE = 2**28
"""Times below it are relative to now (section 4.5.3)."""

Record = dict[str, Any]


def resolve_senml(pack: Any, received_at: datetime | None) -> list[Record]:
    """``{"device", "time", "values": {name: {"v", "u", …}}}`` for each base name and time, in order of appearance.

    ``time`` is in seconds since 1970, ``device`` the base name; a value is under its name after the base name. A name
    that comes again at the same time begins another reading.

    Raises:
        UndecodableError: it is no pack, or its times are relative and the arrival is not known.
    """
    if type(pack) is not list or not pack or any(type(record) is not dict for record in pack):
        raise UndecodableError("no SenML pack: it is a list of records")
    now = Decimal(repr((received_at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())) if received_at else None
    base: Record = {}
    gathered: list[Record] = []
    newest: dict[tuple[Any, Any], Record] = {}
    for record in map(_labelled, pack):
        base.update({name: value for name, value in record.items() if name in ("bver", "bn", "bt", "bu", "bv", "bs")})
        if base.get("bver", VERSION) > VERSION or any(name.endswith("_") for name in record):
            raise UndecodableError("a version or a field of SenML that is not known")
        if any(name in record for name in ("v", "vs", "vb", "vd", "s")):
            _gather(gathered, newest, record, base, now)
    return gathered


def _labelled(record: Record) -> Record:
    named = {CBOR_LABELS.get(_label(name), name): value for name, value in record.items()}
    for name, value in named.items():
        is_number = type(value) in (int, float, ExactNumber)
        if (name in NUMBERS and not is_number) or (name in TEXTS and type(value) is not str):
            raise UndecodableError(f"{name} of a SenML record is not of its type")
    return named


def _label(name: str) -> int:
    """The number that a CBOR pack has for a label; none that it has for any other."""
    return int(name) if name.lstrip("-").isdecimal() and len(name) < 4 else 1000


def _gather(
    gathered: list[Record], newest: dict[tuple[Any, Any], Record], record: Record, base: Record, now: Decimal | None
) -> None:
    """Put a value into the newest reading of its device and time, or begin another."""
    device, name = base.get("bn", ""), record.get("n", "")
    time = _decimal(base.get("bt", 0)) + _decimal(record.get("t", 0))
    if time < ABSOLUTE:
        if now is None:
            raise UndecodableError("times are relative to the message's arrival, which is not known")
        time += now
    value: Record = {label: record[label] for label in ("v", "vs", "vb", "vd", "s") if label in record}
    if ("v" in record or "bv" in base) and not {"vs", "vb", "vd"} & record.keys():
        value["v"] = nearest(_decimal(record.get("v", 0)) + _decimal(base.get("bv", 0)))
    if ("s" in record) and "bs" in base:
        value["s"] = nearest(_decimal(record["s"]) + _decimal(base["bs"]))
    if unit := record.get("u", base.get("bu")):
        value["u"] = unit
    value |= {label: record[label] for label in record if label not in NUMBERS | TEXTS | {"vb"}}
    seconds = nearest(time)
    found = newest.get((device, seconds))
    if found is None or name in found["values"]:
        found = newest[device, seconds] = {"device": device, "time": seconds, "values": {}}
        gathered.append(found)
    found["values"][name] = value


def _decimal(number: Any) -> Decimal:
    return number.value if isinstance(number, ExactNumber) else Decimal(repr(number))
