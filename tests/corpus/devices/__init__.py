"""Messages of real devices and gateways: a folder a format, each with its stream's file, recordings and their rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from telemetry.contracts.loader import load_stream
from telemetry.contracts.model import Stream
from telemetry.contracts.reader import Arrival
from telemetry.contracts.reasons import Reject
from telemetry.contracts.validate import Reading
from telemetry.lake.payloads import Row

FOLDER = Path(__file__).parent
FORMATS = sorted(path.parent.name for path in FOLDER.glob("*/samples.jsonl"))


@dataclass(frozen=True)
class Sample:
    """One recorded message, and the rows that a person expects of it."""

    topic: str
    payload: bytes
    received_at: datetime
    rows: list[dict[str, Any]]

    @property
    def arrival(self) -> Arrival:
        """How it came."""
        return Arrival(self.topic, self.received_at, self.received_at + timedelta(hours=2))


def stream_of(name: str) -> Stream:
    """The stream's file of a format."""
    return load_stream(FOLDER / name / f"{name}.yaml")


def samples_of(name: str) -> list[Sample]:
    """The recordings of a format, in order."""
    expected = json.loads((FOLDER / name / "expected.json").read_text(encoding="utf-8"))
    lines = (FOLDER / name / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    return [_sample(json.loads(line), rows) for line, rows in zip(lines, expected, strict=True)]


def said(stream: Stream, row: Row) -> dict[str, Any]:
    """A row as ``expected.json`` has it."""
    outcome = row.outcome
    if isinstance(outcome, Reading):
        values = {name: _plain(value) for name, value in zip(stream.fields, outcome.values, strict=True)}
        extra = json.loads(outcome.extra) if outcome.extra else None
        return {
            "device_id": outcome.device_id,
            "event_time": outcome.event_time.isoformat(),
            "values": values,
            "extra": extra,
        }
    if isinstance(outcome, Reject):
        return {"reason": str(outcome.reason), "detail": outcome.detail, "reading": row.reading}
    return {"filtered": True}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _sample(recorded: dict[str, Any], rows: list[dict[str, Any]]) -> Sample:
    binary = recorded.get("payload_hex")
    payload = bytes.fromhex(binary) if binary is not None else recorded["payload"].encode()
    return Sample(recorded["topic"], payload, datetime.fromisoformat(recorded["tst"]).astimezone(UTC), rows)
