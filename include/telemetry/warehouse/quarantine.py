"""The table ``quarantine``: rows that could not become readings, with their bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from telemetry.contracts.reasons import Reason
from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Connection, Cursor, transaction


@dataclass(frozen=True)
class QuarantinedRow:
    """One row; ``raw_bytes`` is the length of what is kept of it.

    ``topic`` and ``received_at`` are its message's; ``reading`` is which one of the payload it is, from 0, where the
    payload has several and is kept whole.
    """

    quarantine_id: int
    stream: str
    bucket: str
    key: str
    line: int
    item: int
    reason: str
    detail: str
    raw_bytes: int
    topic: str | None
    received_at: datetime | None
    reading: int | None
    created_at: datetime


class NewRow(NamedTuple):
    """A row that is to be quarantined: where it is in its object, why it is no reading, and its bytes.

    ``topic`` and ``received_at`` are its message's, as far as they are known; ``reading`` as in ``QuarantinedRow``.
    """

    line: int
    item: int
    reason: str
    detail: str
    raw: bytes
    topic: str | None
    received_at: datetime | None
    reading: int | None


COLUMNS = """quarantine_id, stream, bucket, key, line, item, reason, detail, length(raw), topic, received_at, reading,
    created_at"""


def list_rows(
    connection: Connection,
    *,
    stream: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[QuarantinedRow]:
    """The newest rows."""
    with transaction(connection) as cursor:
        cursor.execute(
            f"""SELECT {COLUMNS} FROM quarantine
            WHERE (%(stream)s IS NULL OR stream = %(stream)s)
              AND (%(reason)s IS NULL OR reason = %(reason)s)
              AND (%(since)s IS NULL OR created_at >= %(since)s)
            ORDER BY quarantine_id DESC LIMIT %(limit)s""",  # noqa: S608 - a constant
            {"stream": stream, "reason": reason, "since": since, "limit": limit},
        )
        return [QuarantinedRow(*row) for row in cursor]


def find_row(connection: Connection, quarantine_id: int) -> tuple[QuarantinedRow, bytes]:
    """One row and its raw bytes.

    Raises:
        TelemetryError: there is none of that number.
    """
    with transaction(connection) as cursor:
        cursor.execute(
            f"SELECT {COLUMNS}, raw FROM quarantine WHERE quarantine_id = %s",  # noqa: S608 - a constant
            (quarantine_id,),
        )
        found = cursor.fetchone()
    if found is None:
        raise TelemetryError(f"There is no quarantined row {quarantine_id}.", "See `telemetry quarantine list`.")
    *row, raw = found
    return QuarantinedRow(*row), bytes(raw)


def add_rows(cursor: Cursor, stream: str, raw_object: RawObject, rows: Iterable[NewRow]) -> None:
    """Quarantine rows of an object, within the caller's transaction. All of them are held in memory."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        writer.writerow((stream, raw_object.bucket, raw_object.key, *row[:4], f"\\x{row.raw.hex()}", *row[5:]))
    text.seek(0)
    cursor.copy_expert(
        "COPY quarantine (stream, bucket, key, line, item, reason, detail, raw, topic, received_at, reading)"
        " FROM STDIN (FORMAT csv, FORCE_NULL (topic, received_at, reading))",
        text,
    )


def count_rows(cursor: Cursor, stream: str, interval: Interval, reason: Reason) -> int:
    """Count the quarantined rows with a reason, of the objects in an interval's partitions."""
    cursor.execute(
        """SELECT count(*) FROM quarantine JOIN load_objects USING (bucket, key)
        WHERE load_objects.stream = %s AND reason = %s AND partition_start >= %s AND partition_start < %s""",
        (stream, reason, interval.start, interval.end),
    )
    return int(cursor.fetchall()[0][0])
