"""An object's rows on their way from Parquet files into the tables, none twice."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from telemetry.contracts.model import Stream
from telemetry.contracts.schema import DAY, FILTERED, LINE, MESSAGE_ID, REJECT, reading_columns
from telemetry.interval import Lane
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse import quarantine
from telemetry.warehouse.connection import Cursor
from telemetry.warehouse.queue_messages import add_messages
from telemetry.warehouse.readings import merge_readings

UNQUOTED_NULL = pacsv.WriteOptions(include_header=False, quoting_style="needed")
"""Arrow quotes every text, the empty one too, and no null: just as PostgreSQL's CSV tells the two apart."""


@dataclass(frozen=True)
class Redelivery:
    """The messages of a queue object that an earlier object has brought already, by the day they were received;
    ``new`` are the ids of the others, or ``None`` where all rows are to be taken.
    """

    days: Counter[date] = field(default_factory=Counter)
    new: pa.Array | None = None

    @classmethod
    def detect(cls, cursor: Cursor, raw_object: RawObject, files: list[pq.ParquetFile]) -> Redelivery:
        """Add the object's messages to the ledger; those that it knew already are redelivered."""
        if raw_object.lane is not Lane.queue:
            return cls()
        days = dict(pair for file in files for pair in _messages(file))
        new = add_messages(cursor, raw_object, days)
        if len(new) == len(days):
            return cls()
        known = days.keys() - set(new)
        return cls(Counter(days[message_id] for message_id in known), pa.array(new, pa.string()))

    def without_redelivered(self, rows: pa.Table) -> pa.Table:
        """The rows that are not of redelivered messages."""
        if self.new is None:
            return rows
        ids = rows[MESSAGE_ID.name]
        return rows.filter(pc.or_(pc.is_in(ids, self.new), pc.is_null(ids)))


def _messages(file: pq.ParquetFile) -> Iterator[tuple[str, date]]:
    """The id of each message that has rows in the file, and the day of its receipt.

    Arrow thins them out first: an object holds a bounded number of messages, and any number of rows.
    """
    columns = [MESSAGE_ID.name, DAY.name]
    for number in range(file.num_row_groups):
        messages = file.read_row_group(number, columns).group_by(columns).aggregate([])
        for message_id, day in zip(*(messages[name].to_pylist() for name in columns), strict=True):
            if message_id:
                yield message_id, day


@dataclass(frozen=True)
class Merge:
    """One object's rows on their way into the tables, within the caller's transaction, a row group at a time."""

    cursor: Cursor
    stream: Stream
    raw_object: RawObject
    redelivery: Redelivery

    def readings(self, file: pq.ParquetFile, load_id: int) -> tuple[int, int]:
        """The number of readings, and how many of them were stored now; the others were stored before."""
        names = [column.name for column in reading_columns(self.stream)]
        number = 0

        def csv_files() -> Iterator[BinaryIO]:
            nonlocal number
            for rows in self._row_groups(file):
                text = io.BytesIO()
                pacsv.write_csv(rows.select(names), text, UNQUOTED_NULL)
                text.seek(0)
                yield text
                number += rows.num_rows

        loaded = merge_readings(self.cursor, self.stream, load_id, csv_files())
        return number, loaded

    def rejects(self, file: pq.ParquetFile) -> tuple[int, int, str | None]:
        """Put the rejects into quarantine: how many they are, how many rows are filtered, and the first reject."""
        names = [column.name for column in (*LINE, *REJECT)]
        number, filtered, first_error = 0, 0, None
        for group in self._row_groups(file):
            kept = group.filter(pc.not_equal(group["reason"], FILTERED))
            columns = (kept[name].to_pylist() for name in names)
            rows = [quarantine.NewRow(*values) for values in zip(*columns, strict=True)]
            quarantine.add_rows(self.cursor, self.stream.stream, self.raw_object, rows)
            if rows and first_error is None:
                first_error = f"line {rows[0].line}: {rows[0].reason}: {rows[0].detail}"
            number += len(rows)
            filtered += group.num_rows - len(rows)
        return number, filtered, first_error

    def _row_groups(self, file: pq.ParquetFile) -> Iterator[pa.Table]:
        for number in range(file.num_row_groups):
            yield self.redelivery.without_redelivered(file.read_row_group(number))
