"""Reading the quarantine: rows that could not become readings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from telemetry.errors import TelemetryError
from telemetry.warehouse.connection import Connection, transaction


@dataclass(frozen=True)
class QuarantinedRow:
    """One row; ``raw_bytes`` is the length of what is kept of it."""

    quarantine_id: int
    stream: str
    bucket: str
    key: str
    line: int
    item: int
    reason: str
    detail: str
    raw_bytes: int
    created_at: datetime


COLUMNS = "quarantine_id, stream, bucket, key, line, item, reason, detail, length(raw), created_at"


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
