"""Rows from Parquet into tables, by COPY: sorted by the key, and none twice."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from psycopg2 import sql
from psycopg2.extras import execute_values

from telemetry.contracts.model import Stream
from telemetry.contracts.schema import DAY, KEY, LINE, MESSAGE_ID, REJECT, reading_columns
from telemetry.interval import Lane
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Cursor

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
    def find(cls, cursor: Cursor, raw_object: RawObject, files: list[pq.ParquetFile]) -> Redelivery:
        """Remember the object's message ids, in their order; those that were remembered before are redelivered."""
        if raw_object.lane is not Lane.queue:
            return cls()
        found = dict(pair for file in files for pair in _messages(file))
        insert = "INSERT INTO queue_messages (message_id, bucket, key) VALUES %s ON CONFLICT DO NOTHING"
        new = execute_values(
            cursor,
            f"{insert} RETURNING message_id",
            [(message_id, raw_object.bucket, raw_object.key) for message_id in sorted(found)],
            page_size=1000,
            fetch=True,
        )
        if len(new) == len(found):
            return cls()
        known = found.keys() - {message_id for (message_id,) in new}
        return cls(Counter(found[id_] for id_ in known), pa.array([row[0] for row in new], pa.string()))

    def leave_out(self, rows: pa.Table) -> pa.Table:
        """The rows without those of redelivered messages."""
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
    """One object's rows on their way into the tables, within the caller's transaction."""

    cursor: Cursor
    stream: Stream
    raw_object: RawObject
    redelivery: Redelivery

    def readings(self, file: pq.ParquetFile, load_id: int) -> tuple[int, int]:
        """How many readings there are, and how many of them are stored now: the others are stored already."""
        names = [column.name for column in reading_columns(self.stream)]
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        table = sql.Identifier(self.stream.table)
        self.cursor.execute("SET LOCAL work_mem = '64MB'")  # the sort below stays in memory
        self.cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE stage ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                columns, table
            )
        )
        number = 0
        for rows in self._row_groups(file):
            text = io.BytesIO()
            pacsv.write_csv(rows.select(names), text, UNQUOTED_NULL)
            text.seek(0)
            self.cursor.copy_expert("COPY stage FROM STDIN (FORMAT csv)", text)
            number += rows.num_rows
        self.cursor.execute(
            sql.SQL("INSERT INTO {} ({}, load_id) SELECT {}, %s FROM stage ORDER BY {} ON CONFLICT DO NOTHING").format(
                table, columns, columns, sql.SQL(", ").join(sql.Identifier(column.name) for column in KEY)
            ),
            (load_id,),
        )
        return number, self.cursor.rowcount

    def rejects(self, file: pq.ParquetFile) -> tuple[int, str | None]:
        """Put the rejects into quarantine: how many they are, and the first of them in words."""
        columns = [column.name for column in (*LINE, *REJECT)]
        number, first = 0, None
        for rows in self._row_groups(file):
            text = io.StringIO()
            writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
            for line, item, reason, detail, raw in zip(*(rows[name].to_pylist() for name in columns), strict=True):
                first = first or f"line {line}: {reason}: {detail}"
                origin = (self.stream.stream, self.raw_object.bucket, self.raw_object.key)
                writer.writerow((*origin, line, item, reason, detail, f"\\x{raw.hex()}"))
            text.seek(0)
            self.cursor.copy_expert(
                "COPY quarantine (stream, bucket, key, line, item, reason, detail, raw) FROM STDIN (FORMAT csv)", text
            )
            number += rows.num_rows
        return number, first

    def _row_groups(self, file: pq.ParquetFile) -> Iterator[pa.Table]:
        for number in range(file.num_row_groups):
            yield self.redelivery.leave_out(file.read_row_group(number))
