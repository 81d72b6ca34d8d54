"""What the corpus is made of: a payload and the rows that it is to become."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from telemetry.contracts.loader import find_stream
from telemetry.contracts.model import Stream
from telemetry.contracts.reasons import Reason

STREAMS = ("telemetry", "environment")
CONTRACTS: Mapping[str, Stream] = {stream: find_stream(stream) for stream in STREAMS}
HERE = "@here@"
"""Stands in a document for bytes that no JSON library would write."""


@dataclass(frozen=True)
class Reads:
    """A row that is a reading; a field that is not among ``values`` is null."""

    device_id: str
    event_time: datetime
    values: Mapping[str, Any]
    extra: Any = None

    def beside(self, extra: Any) -> Reads:
        """With what the contract does not name."""
        return replace(self, extra=extra)

    def at(self, moment: datetime) -> Reads:
        """At another time."""
        return replace(self, event_time=moment)


@dataclass(frozen=True)
class Rejects:
    """A row that is none; ``raw`` is what is kept of it, the whole payload where it is ``None``."""

    reason: Reason
    raw: bytes | None = None


Row = Reads | Rejects


@dataclass(frozen=True)
class Payload:
    """One message. ``is_line`` where it can be a line of an object as it is, without an envelope."""

    name: str
    stream: str
    content: bytes
    rows: tuple[Row, ...]
    is_line: bool = True

    def rejects(self) -> list[tuple[Reason, bytes]]:
        """The reason and the bytes of its rows that are none, in order."""
        found = [row for row in self.rows if isinstance(row, Rejects)]
        return [(row.reason, self.content if row.raw is None else row.raw) for row in found]


@dataclass(frozen=True)
class RawObject:
    """One raw object: how many messages it holds, and the rows that they become, in order.

    ``surely`` is false where bytes were changed at random: then its rows are whatever they are, and their number too,
    and only the objects beside it are known.
    """

    name: str
    body: bytes
    messages: int
    readings: tuple[Reads, ...] = ()
    rejects: tuple[tuple[Reason, bytes], ...] = ()
    surely: bool = True


@dataclass(frozen=True)
class Speaker:
    """Makes payloads of one stream that arrive in ``hour``, and says what readings they are."""

    stream: str
    hour: datetime
    paths: Mapping[str, str] = field(default=MappingProxyType({}))

    def __post_init__(self) -> None:
        contract = CONTRACTS[self.stream]
        paths = {name: field.path for name, field in contract.fields.items()}
        own = {"device_id": contract.device.path, "event_time": contract.event_time.path}
        object.__setattr__(self, "paths", {**own, **paths})

    def good(self, device: str, **fields: Any) -> dict[str, Any]:
        """A document that fits, with other values of the contract's fields."""
        document: dict[str, Any] = {}
        time = self.hour.isoformat() if self.stream == "telemetry" else self.hour.timestamp()
        values = {"device_id": device, "event_time": time, **self.values(), **fields}
        for name, value in values.items():
            place(document, self.paths[name], value)
        return document

    def without(self, device: str, name: str) -> dict[str, Any]:
        """The same with a field left out."""
        document = self.good(device)
        *around, last = self.paths[name].split(".")
        inner = document
        for step in around:
            inner = inner[step]
        inner.pop(last, None)
        return document

    def reads(self, device: str, **values: Any) -> Reads:
        """What ``good`` is read as."""
        return Reads(device, self.hour, {**self.values(), **values})

    def values(self) -> dict[str, Any]:
        """The values that ``good`` has by itself."""
        if self.stream == "telemetry":
            return {"temperature": 21.5, "humidity": 50.25}
        return {"device_name": "probe", "temperature": 21.5, "humidity": 50.25, "light": True}

    def bad(self, name: str, content: bytes, reason: Reason, raw: bytes | None = None) -> Payload:
        """A payload that is one reject."""
        return self.payload(name, content, Rejects(reason, raw))

    def payload(self, name: str, content: bytes, *rows: Row) -> Payload:
        """A payload that becomes these rows."""
        return Payload(f"{self.stream}: {name}", self.stream, content, rows, is_line=b"\n" not in content)


def place(document: dict[str, Any], path: str, value: Any) -> None:
    """Put a value where a contract's path leads to."""
    *around, last = path.split(".")
    for step in around:
        document = document.setdefault(step, {})
    document[last] = value


def said(document: Any, raw: bytes | str = b"") -> bytes:
    """The document as JSON, with ``raw`` in the place of ``HERE``, quotes and all."""
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    bytes_ = raw.encode() if isinstance(raw, str) else raw
    return text.replace(json.dumps(HERE).encode(), bytes_) if bytes_ else text


def changed(document: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A copy with other values at the top."""
    return {**copy.deepcopy(document), **more}
