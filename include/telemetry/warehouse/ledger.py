"""The ledger: what every load took and how it ended."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from psycopg2 import sql

from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.locks import advisory_lock

LoadKind = Literal["hourly", "daily", "queue"]
FinalStatus = Literal["succeeded", "empty", "failed"]
ERROR_MAX = 4000
"""Characters of an error that are kept."""


@dataclass(frozen=True)
class Load:
    """A load's row. Times are in UTC; counts are the sums of the objects that it has committed so far."""

    load_id: int
    stream: str
    kind: LoadKind
    interval_start: datetime
    interval_end: datetime
    generation: int
    execution_name: str
    execution_arn: str | None
    dag_id: str | None
    run_id: str | None
    attempt: int | None
    status: Literal["running", "succeeded", "empty", "failed"]
    objects: int
    bytes: int
    rows_read: int
    loaded: int
    duplicate: int
    quarantined: int
    filtered: int
    nulled: int
    first_error: str | None
    error: str | None
    started_at: datetime
    ended_at: datetime | None


COLUMNS = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(Load))


class Counts(NamedTuple):
    """What the ledger counts of one stream, lane and partition (its hour of arrival).

    ``messages`` are as published, each once; ``redelivered`` are those that the queue handed out again.
    """

    stream: str
    lane: str
    partition_start: datetime
    objects: int
    messages: int
    redelivered: int
    rows_read: int
    loaded: int
    duplicate: int
    quarantined: int
    filtered: int


def _new_execution_name(stream: str, kind: LoadKind, start: datetime, generation: int) -> str:
    """Name the execution that loads an interval for the ``generation``-th time; the first is 0.

    The last letters are random. Step Functions keeps a name for 90 days (API reference, StartExecution): after the
    ledger was restored or created anew, a load must not attach to an execution of the time before.
    """
    return f"{stream}-{kind}-{start.astimezone(UTC):%Y%m%dT%H%M}-g{generation}-{secrets.token_hex(3)}"


def open_load(
    connection: Connection,
    *,
    stream: str,
    kind: LoadKind,
    interval: Interval,
    dag_id: str,
    run_id: str,
    attempt: int,
) -> Load:
    """The load of a run's attempt, which is to be started under its ``execution_name``.

    The same attempt gets the same load. Another one joins the load of the same interval that is running, or else opens
    the next generation.
    """
    with transaction(connection) as cursor:
        _lock_generations(cursor, stream, kind, interval)
        same = sql.SQL("stream = %s AND kind = %s AND interval_start = %s AND interval_end = %s")
        values = (stream, kind, interval.start, interval.end)
        run = sql.SQL("dag_id = %s AND run_id = %s AND attempt = %s")
        own = _select(cursor, sql.SQL("{} AND {}").format(same, run), (*values, dag_id, run_id, attempt))
        running = own or _select(cursor, sql.SQL("{} AND status = 'running'").format(same), values)
        if running:
            return running[0]
        return _insert(
            cursor, stream=stream, kind=kind, interval=interval, dag_id=dag_id, run_id=run_id, attempt=attempt
        )


def ensure_load(
    connection: Connection, *, stream: str, kind: LoadKind, interval: Interval, execution_name: str, execution_arn: str
) -> Load:
    """The load of an execution that is under way; an execution that was started by hand gets one of its own."""
    with transaction(connection) as cursor:
        _lock_generations(cursor, stream, kind, interval)
        named = sql.SQL("execution_name = %s")
        if not _select(cursor, named, (execution_name,)):
            _insert(cursor, stream=stream, kind=kind, interval=interval, execution_name=execution_name)
        cursor.execute("UPDATE loads SET execution_arn = %s WHERE execution_name = %s", (execution_arn, execution_name))
        return _select(cursor, named, (execution_name,))[0]


def close_load(
    connection: Connection,
    load_id: int,
    *,
    status: FinalStatus | None = None,
    error: str | None = None,
    only_running: bool = False,
) -> Load:
    """End a load; ended again, it is as it was ended last, unless ``only_running`` is to be ended.

    ``status`` is by default ``failed`` where there is an error, ``empty`` where there is no object, else ``succeeded``.

    Raises:
        TelemetryError: there is no such load.
    """
    with transaction(connection) as cursor:
        cursor.execute(
            """UPDATE loads
            SET status = coalesce(%(status)s, CASE
                    WHEN %(error)s IS NOT NULL THEN 'failed' WHEN objects > 0 THEN 'succeeded' ELSE 'empty' END),
                error = %(error)s,
                ended_at = now()
            WHERE load_id = %(load_id)s AND (status = 'running' OR NOT %(only_running)s)""",
            {
                "status": status,
                "error": error and _storable(error),
                "load_id": load_id,
                "only_running": only_running,
            },
        )
    return find_load(connection, load_id)


def find_load(connection: Connection, load_id: int) -> Load:
    """One load.

    Raises:
        TelemetryError: there is none of that number.
    """
    with transaction(connection) as cursor:
        found = _select(cursor, sql.SQL("load_id = %s"), (load_id,))
    if not found:
        raise TelemetryError(f"There is no load {load_id}.", "See `telemetry loads`.")
    return found[0]


def list_loads(
    connection: Connection,
    *,
    stream: str | None = None,
    kind: LoadKind | None = None,
    status: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
) -> list[Load]:
    """The newest loads; with ``start`` or ``end`` those whose interval overlaps that span."""
    filters: list[tuple[str, object]] = [
        ("stream = %s", stream),
        ("kind = %s", kind),
        ("status = %s", status),
        ("interval_end > %s", start),
        ("interval_start < %s", end),
    ]
    given = [(condition, value) for condition, value in filters if value is not None]
    where = sql.SQL(" AND ").join([sql.SQL("true"), *(sql.SQL(condition) for condition, _ in given)])
    with transaction(connection) as cursor:
        return _select(cursor, where, tuple(value for _, value in given), limit)


def counts(
    connection: Connection, *, stream: str | None = None, start: datetime | None = None, end: datetime | None = None
) -> list[Counts]:
    """The counts by stream, lane and partition, of the partitions from ``start`` to before ``end``."""
    with transaction(connection) as cursor:
        cursor.execute(
            """SELECT stream, lane, partition_start, count(*), sum(messages)::bigint, sum(redelivered)::bigint,
                   sum(rows_read)::bigint, sum(loaded)::bigint, sum(duplicate)::bigint, sum(quarantined)::bigint,
                   sum(filtered)::bigint
            FROM load_objects
            WHERE (%(stream)s IS NULL OR stream = %(stream)s)
              AND (%(start)s IS NULL OR partition_start >= %(start)s)
              AND (%(end)s IS NULL OR partition_start < %(end)s)
            GROUP BY stream, lane, partition_start ORDER BY stream, lane, partition_start""",
            {"stream": stream, "start": start, "end": end},
        )
        return [Counts(*row) for row in cursor]


def _lock_generations(cursor: Cursor, stream: str, kind: LoadKind, interval: Interval) -> None:
    """One transaction at a time numbers the generations of an interval."""
    advisory_lock(cursor, f"{stream}-{kind}-{interval.start.astimezone(UTC):%Y%m%dT%H%M}")


def _select(cursor: Cursor, where: sql.Composable, values: Sequence[object], limit: int | None = None) -> list[Load]:
    query = sql.SQL("SELECT {} FROM loads WHERE {} ORDER BY load_id DESC LIMIT %s").format(COLUMNS, where)
    cursor.execute(query, (*values, limit))
    return [Load(*row) for row in cursor]


def _insert(cursor: Cursor, **given: Any) -> Load:
    interval: Interval = given.pop("interval")
    cursor.execute(
        "SELECT coalesce(max(generation) + 1, 0) FROM loads WHERE stream = %s AND kind = %s AND interval_start = %s",
        (given["stream"], given["kind"], interval.start),
    )
    generation = next(iter(cursor))[0]
    row = {
        "execution_name": _new_execution_name(given["stream"], given["kind"], interval.start, generation),
        **given,
        "interval_start": interval.start,
        "interval_end": interval.end,
        "generation": generation,
    }
    cursor.execute(
        sql.SQL("INSERT INTO loads ({}) VALUES ({}) RETURNING {}").format(
            sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(map(sql.Placeholder, row)), COLUMNS
        ),
        row,
    )
    return Load(*next(iter(cursor)))


def _storable(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()[:ERROR_MAX]
