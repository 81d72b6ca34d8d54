"""Quarantined rows read again, under the contracts as they are now: those that are readings move into the table.

A row moves in one transaction, out of the quarantine, into the table and in the counts of its object and its load, so
that the equations of the ledger hold at every commit: its object has one quarantined row less, and one reading more
that is loaded, or a duplicate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from psycopg2 import sql
from psycopg2.extras import execute_values

from telemetry.chunks import chunks
from telemetry.contracts.model import Stream
from telemetry.contracts.reader import Arrival
from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.schema import KEY, reading_columns
from telemetry.contracts.validate import Reading
from telemetry.lake.layout import hour_of
from telemetry.lake.payloads import compile_payload_reader
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.migrate import up_to_contract

ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 16 * 2**20
PARTIAL = frozenset({Reason.too_large, Reason.truncated_object, Reason.corrupt_object})
"""Of these rows only a part of the bytes is kept: they are no payload, and no contract makes them one."""
NO_CONTRACT = "no_contract"

COUNTED = """rows_read = rows_read + %(read)s, loaded = loaded + %(loaded)s, duplicate = duplicate + %(duplicate)s,
    quarantined = quarantined - %(quarantined)s, filtered = filtered + %(filtered)s, nulled = nulled + %(nulled)s"""
COUNT_OBJECT = f"UPDATE load_objects SET {COUNTED} WHERE bucket = %(bucket)s AND key = %(key)s"  # noqa: S608 - constants
COUNT_LOAD = f"UPDATE loads SET {COUNTED} WHERE load_id = %(load_id)s"  # noqa: S608 - constants


@dataclass
class Replayed:
    """The result of a replay. A row that moved became one reading, or several."""

    moved: int = 0
    loaded: int = 0
    duplicate: int = 0
    still: Counter[str] = field(default_factory=Counter)
    """Rows that are no readings even now, by their reason."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Rows that cannot be read again, by their reason: a part of the bytes is missing, or the stream's contract."""

    @property
    def rows(self) -> int:
        """All of them."""
        return self.moved + self.still.total() + self.skipped.total()


class _Row(NamedTuple):
    quarantine_id: int
    stream: str
    bucket: str
    key: str
    load_id: int
    reason: str
    detail: str
    raw: memoryview
    topic: str | None
    received_at: datetime | None
    reading: int | None


@dataclass
class _Change:
    """How a row's move changes its object's counts."""

    row: _Row
    readings: list[Reading]
    filtered: int
    loaded: int = 0


class Replay:
    """Reads quarantined rows again. Safe beside loads and beside another replay, and run again it moves nothing more.

    A row moves when all that is in it are readings; else it stays as a whole, with the reason that it has now.
    """

    def __init__(self, connection: Connection, streams: Mapping[str, Stream]) -> None:
        self._connection, self._streams = connection, streams
        self._readers = {name: compile_payload_reader(stream) for name, stream in streams.items()}

    def run(
        self,
        *,
        stream: str | None = None,
        reason: str | None = None,
        ids: Sequence[int] | None = None,
        on_start: Callable[[int], object] = lambda rows: None,
        on_progress: Callable[[int], object] = lambda rows: None,
    ) -> Replayed:
        """Read again what is in quarantine now, all of it or what the filters let through, in bounded transactions.

        Raises:
            TelemetryError: the warehouse is behind a contract. What had moved by then has moved.
        """
        chosen = self._choose({"stream": stream, "reason": reason, "ids": None if ids is None else list(ids)})
        on_start(len(chosen))
        done = Replayed()
        for some in chunks(chosen, count_max=ROWS_AT_ONCE, bytes_max=BYTES_AT_ONCE, size=lambda row: row[1]):
            with transaction(self._connection) as cursor:
                batch = self._replay(cursor, [quarantine_id for quarantine_id, _ in some])
            done.moved += batch.moved
            done.loaded += batch.loaded
            done.duplicate += batch.duplicate
            done.still += batch.still
            done.skipped += batch.skipped
            on_progress(done.rows)
        return done

    def _choose(self, filters: dict[str, Any]) -> list[tuple[int, int]]:
        """The ids of the rows, and their sizes."""
        with transaction(self._connection) as cursor:
            cursor.execute(
                """SELECT quarantine_id, length(raw) FROM quarantine
                WHERE (%(stream)s IS NULL OR stream = %(stream)s)
                  AND (%(reason)s IS NULL OR reason = %(reason)s)
                  AND (%(ids)s::bigint[] IS NULL OR quarantine_id = ANY(%(ids)s::bigint[]))
                ORDER BY quarantine_id""",
                filters,
            )
            return cursor.fetchall()

    def _replay(self, cursor: Cursor, ids: list[int]) -> Replayed:
        """One batch. Locks are taken in the order in which loads take them."""
        done = Replayed()
        moves: list[_Change] = []
        changed: list[tuple[int, str, str]] = []
        for row in _lock(cursor, ids):
            if row.reason in PARTIAL or row.stream not in self._streams:
                done.skipped[row.reason if row.reason in PARTIAL else NO_CONTRACT] += 1
                continue
            verdict = self._read(row)
            if isinstance(verdict, Reject):
                done.still[verdict.reason] += 1
                if verdict != (row.reason, row.detail):
                    changed.append((row.quarantine_id, str(verdict.reason), verdict.detail))
            else:
                moves.append(_Change(row, *verdict))
        for stream, some in groupby(sorted(moves, key=lambda move: move.row.stream), lambda move: move.row.stream):
            with up_to_contract(stream):
                _insert(cursor, self._streams[stream], list(some))
        _leave(cursor, [move.row.quarantine_id for move in moves], changed)
        _count(cursor, moves)
        done.moved = len(moves)
        done.loaded = sum(move.loaded for move in moves)
        done.duplicate = sum(len(move.readings) - move.loaded for move in moves)
        return done

    def _read(self, row: _Row) -> tuple[list[Reading], int] | Reject:
        """The readings and how many rows are filtered, or the first reject."""
        raw, stream = bytes(row.raw), self._streams[row.stream]
        if stream.takes_arrays and _is_array(raw):
            return Reject(Reason(row.reason), row.detail)
        arrival = Arrival(row.topic, row.received_at, stream.latest_event_time(hour_of(row.key)))
        outcomes = [one.outcome for one in self._readers[row.stream](raw, arrival)]
        if row.reading is not None:  # a payload of several readings is kept whole with each that is rejected
            outcomes = outcomes[row.reading : row.reading + 1] or outcomes[:1]
        rejects = (outcome for outcome in outcomes if isinstance(outcome, Reject))
        readings = [outcome for outcome in outcomes if isinstance(outcome, Reading)]
        return next(rejects, None) or (readings, len(outcomes) - len(readings))


def _is_array(raw: bytes) -> bool:
    """Whether it was an item of an array: of a payload that is one, the items are quarantined, never the whole.

    Such an item is no reading, and is not to be opened as a payload would be.
    """
    try:
        return type(orjson.loads(raw)) is list
    except orjson.JSONDecodeError:
        return False


def _lock(cursor: Cursor, ids: list[int]) -> list[_Row]:
    """The rows that are there still; nobody else moves them now."""
    cursor.execute(
        """SELECT quarantine_id, quarantine.stream, bucket, key, load_id, reason, detail, raw, topic, received_at,
            reading
        FROM quarantine JOIN load_objects USING (bucket, key)
        WHERE quarantine_id = ANY(%s) ORDER BY quarantine_id FOR UPDATE OF quarantine""",
        (ids,),
    )
    return [_Row(*row) for row in cursor]


def _insert(cursor: Cursor, stream: Stream, moves: list[_Change]) -> None:
    """Put the readings into the table, each once and in the order of the key, and note whose they were."""
    first: dict[tuple[Any, ...], tuple[_Change, Reading]] = {}
    for move in moves:
        for reading in move.readings:
            first.setdefault(reading[: len(KEY)], (move, reading))
    names = [*(column.name for column in reading_columns(stream)), "load_id"]
    insert = sql.SQL("INSERT INTO {} ({}) VALUES %s ON CONFLICT DO NOTHING RETURNING {}").format(
        sql.Identifier(stream.table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in KEY),
    )
    rows = [(*key, *one.values, one.extra, move.row.load_id) for key, (move, one) in sorted(first.items(), key=_key)]
    for device_id, event_time, reading_id in execute_values(cursor, insert, rows, page_size=1000, fetch=True):
        first[device_id, event_time, reading_id.replace("-", "")][0].loaded += 1


def _key(item: tuple[tuple[Any, ...], object]) -> tuple[Any, ...]:
    return item[0]


def _leave(cursor: Cursor, moved: list[int], changed: list[tuple[int, str, str]]) -> None:
    """Take rows that moved out of the quarantine, and give others the reason that they have now."""
    cursor.execute("DELETE FROM quarantine WHERE quarantine_id = ANY(%s)", (moved,))
    if changed:
        execute_values(
            cursor,
            """UPDATE quarantine SET reason = now.reason, detail = now.detail
            FROM (VALUES %s) AS now (quarantine_id, reason, detail)
            WHERE quarantine.quarantine_id = now.quarantine_id""",
            changed,
        )


def _count(cursor: Cursor, moves: Iterable[_Change]) -> None:
    """Count the moves in their objects, then in their loads; each in an order, and the loads last."""
    objects: dict[tuple[str, str], Counter[str]] = {}
    loads: dict[int, Counter[str]] = {}
    for move in moves:
        counts = Counter(
            read=len(move.readings) + move.filtered - 1,
            loaded=move.loaded,
            duplicate=len(move.readings) - move.loaded,
            quarantined=1,
            filtered=move.filtered,
            nulled=sum(reading.nulled for reading in move.readings),
        )
        objects.setdefault((move.row.bucket, move.row.key), Counter()).update(counts)
        loads.setdefault(move.row.load_id, Counter()).update(counts)
    for (bucket, key), counts in sorted(objects.items()):
        cursor.execute(COUNT_OBJECT, {**counts, "bucket": bucket, "key": key})
    for load_id, counts in sorted(loads.items()):
        cursor.execute(COUNT_LOAD, {**counts, "load_id": load_id})
