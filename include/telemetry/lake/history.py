"""History objects: recorded messages written into the lake as if they had arrived at their event time."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from telemetry.chunks import Chunk
from telemetry.errors import TelemetryError
from telemetry.lake.layout import raw_prefix

OBJECT_RECORDS = 10_000
OBJECT_BYTES = 8 * 2**20
HELD_BYTES = 64 * 2**20
"""Bounds of one object before compression, and of all the records that wait to be written."""

NAME = re.compile(r"/history-(\d+)-[0-9a-f]{16}\.jsonl\.gz$")

Record = tuple[datetime | None, bytes]
"""When it arrived, as far as is known, and its payload, which holds no line break."""


@dataclass
class History:
    """The number of records written in new objects, and of records in objects that existed already."""

    written: int = 0
    present: int = 0
    objects: int = 0
    hours: set[datetime] = field(default_factory=set)


def history_records(key: str) -> int | None:
    """Return the number of records in a history object, from its name; ``None`` for any other object."""
    found = NAME.search(key)
    return int(found.group(1)) if found else None


def write_history(
    s3: Any,
    bucket: str,
    stream: str,
    records: Iterable[Record],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> History:
    """Write every record into the hour partition of its moment; a record without one goes with the record before it.

    An object's name is made of its content, so the same records in the same order change nothing. Memory is bounded by
    ``HELD_BYTES``. ``on_progress`` is told how many records are in the lake so far.

    Raises:
        TelemetryError: no record has a moment, or none of the first ``HELD_BYTES``. Nothing was written then.
    """
    writer = _Writer(s3, bucket, stream, on_progress)
    waiting: list[bytes] = []  # records before the first moment
    waiting_bytes = 0
    hour: datetime | None = None
    for moment, payload in records:
        hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) if moment else hour
        waiting.append(payload)
        waiting_bytes += len(payload) + 1
        if hour:
            for held in waiting:
                writer.add(hour, held)
            waiting.clear()
        elif waiting_bytes > HELD_BYTES:
            raise _no_moment(stream, f"first {len(waiting):,}")
    if waiting:
        raise _no_moment(stream, f"{len(waiting):,}")
    writer.finish()
    return writer.history


def _no_moment(stream: str, records: str) -> TelemetryError:
    return TelemetryError(
        f"None of the {records} records has an event time that fits the contract of stream {stream}.",
        f"Compare event_time in {stream}.yaml with the records.",
    )


class _Writer:
    """Collects records by hour and writes an object whenever a bound is reached."""

    def __init__(self, s3: Any, bucket: str, stream: str, on_progress: Callable[[int], None] | None) -> None:
        self.history = History()
        self._s3, self._bucket, self._stream, self._on_progress = s3, bucket, stream, on_progress
        self._held: defaultdict[datetime, Chunk[bytes]] = defaultdict(lambda: Chunk(OBJECT_RECORDS, OBJECT_BYTES))
        self._total = 0

    def add(self, hour: datetime, payload: bytes) -> None:
        if b"\n" in payload:
            raise ValueError("a line break would make two messages of one")
        size = len(payload) + 1
        if not self._held[hour].has_room(size):
            self._write(hour)
        elif self._total + size > HELD_BYTES:
            self._write(max(self._held, key=lambda held: self._held[held].bytes))
        self._held[hour].add(payload, size)
        self._total += size

    def finish(self) -> None:
        for hour in sorted(self._held):
            self._write(hour)

    def _write(self, hour: datetime) -> None:
        chunk = self._held.pop(hour)
        self._total -= chunk.bytes
        if not (records := chunk.items):
            return
        body = b"\n".join(records) + b"\n"
        name = f"history-{len(records)}-{hashlib.sha256(body).hexdigest()[:16]}.jsonl.gz"
        history = self.history
        history.hours.add(hour)
        if self._put(raw_prefix(self._stream, hour) + name, body):
            history.written += len(records)
            history.objects += 1
        else:
            history.present += len(records)
        if self._on_progress:
            self._on_progress(history.written + history.present)

    def _put(self, key: str, body: bytes) -> bool:
        """Whether the object is new."""
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=gzip.compress(body, mtime=0),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "PreconditionFailed":
                return False
            raise
        return True
