"""A stream's readings are a table of months: partitions by event time in UTC, and a default one for all other times.

A month gets its partition before it begins. The default one takes what devices with wrong clocks send, from 1970 to
9999, and history: a month of which it holds many readings is moved into a partition of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import psycopg2.errors
from psycopg2 import sql

from telemetry.errors import TelemetryError
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.tables import columns_of, partitions_of, table_exists

LOCK_TIMEOUT = "2s"
"""Whoever waits for a lock has others wait behind: so long at the most, and then they are let through."""
PATIENCE_SECONDS = 120.0

T = TypeVar("T")


class Month(NamedTuple):
    """A calendar month in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> Month:
        """The month that holds ``moment``."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month)

    def plus(self, months: int) -> Month:
        """Return the month that many months later, or earlier if negative."""
        years, month = divmod(self.month - 1 + months, 12)
        return Month(self.year + years, month + 1)

    @property
    def start(self) -> str:
        """Its first moment as PostgreSQL reads it. Not a ``datetime``: those end before the year 10000 begins."""
        return f"{self.year:04}-{self.month:02}-01 00:00:00+00"

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


class Partition(NamedTuple):
    """A partition that was made, and how many readings the default partition had for it."""

    name: str
    moved: int


def partition_name(table: str, month: Month) -> str:
    """The partition of a month."""
    return f"{table}_y{month.year:04}m{month.month:02}"


def default_name(table: str) -> str:
    """The partition of all times that have none of their own."""
    return f"{table}_default"


def create_partitions(cursor: Cursor, table: str, now: datetime, months_ahead: int) -> None:
    """The partitions of a table that is new: the default one, this month's and those of the months ahead."""
    statement = sql.SQL("CREATE TABLE {} PARTITION OF {} DEFAULT")
    cursor.execute(statement.format(sql.Identifier(default_name(table)), sql.Identifier(table)))
    for month in _months(now, months_ahead):
        _add(cursor, table, month)


def ensure_partitions(
    connection: Connection, table: str, *, months_ahead: int, own_rows: int, now: datetime | None = None
) -> list[Partition]:
    """Make the missing partitions of this month and of those ahead, and of every month of which the default partition
    holds ``own_rows`` readings or more; those are moved. Returns what was made.

    Each month is a transaction of its own, safe beside loaders, which wait for its end, and beside another that does
    the same.

    Raises:
        TelemetryError: there is no such table, or it was never without a writer for a moment.
    """
    present = _present(connection, table)
    crowded = _crowded(connection, table, own_rows)
    made = []
    for month in sorted({*_months(now or datetime.now(UTC), months_ahead), *crowded}):
        if partition_name(table, month) not in present:
            moved = locked(connection, table, "SHARE ROW EXCLUSIVE", partial(_add, table=table, month=month))
            if moved is not None:
                made.append(Partition(partition_name(table, month), moved))
    return made


def partitions_before(connection: Connection, table: str, month: Month) -> list[Month]:
    """The months before ``month`` that have a partition, the earliest first."""
    earliest = Month(1970, 1)
    present = _present(connection, table)
    count = (month.year - earliest.year) * 12 + month.month - earliest.month
    return [one for one in map(earliest.plus, range(count)) if partition_name(table, one) in present]


def locked(
    connection: Connection,
    table: str,
    mode: Literal["SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"],
    action: Callable[[Cursor], T],
    patience: float = PATIENCE_SECONDS,
) -> T:
    """Do it in one transaction that no writer of the table (``ACCESS EXCLUSIVE``: no reader either) runs beside.

    The lock on the whole table comes before any on a partition: a loader takes them in the same order, so that it waits
    and never fails. Without the lock, one whose statement began before a month was attached would be refused by the
    default partition. What cannot be locked soon is tried again.

    Raises:
        TelemetryError: the table was in use all the time.
    """
    lock = sql.SQL("LOCK TABLE ONLY {} IN {} MODE").format(sql.Identifier(table), sql.SQL(mode))
    deadline = time.monotonic() + patience
    while True:
        try:
            with transaction(connection) as cursor:
                cursor.execute("SET LOCAL lock_timeout = %s", (LOCK_TIMEOUT,))
                cursor.execute(lock)
                return action(cursor)
        except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected) as error:
            if time.monotonic() >= deadline:
                raise TelemetryError(
                    f"The table {table} was in use and could not be locked within {patience:g} s.",
                    "Nothing was changed. The next run of the DAG maintenance tries again.",
                ) from error
            time.sleep(random.uniform(0.5, 2))  # noqa: S311 - loaders go through, and two do not meet again


def _months(now: datetime, ahead: int) -> Iterator[Month]:
    return (Month.of(now).plus(months) for months in range(ahead + 1))


def _add(cursor: Cursor, table: str, month: Month) -> int | None:
    """Make a month's partition and move its readings there, in the caller's transaction; ``None`` where there is one.

    Attached, not made in place: that would keep readers out, too.
    """
    name = partition_name(table, month)
    if table_exists(cursor, name):
        return None
    names = {"table": sql.Identifier(table), "month": sql.Identifier(name)}
    default = sql.Identifier(default_name(table))
    span = {"start": month.start, "end": month.plus(1).start}
    within = sql.SQL("event_time >= %(start)s AND event_time < %(end)s")
    cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(default))
    cursor.execute(sql.SQL("CREATE TABLE {month} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES)").format(**names))
    copy = sql.SQL("INSERT INTO {month} ({columns}) SELECT {columns} FROM {default} WHERE {within}")
    columns = sql.SQL(", ").join(map(sql.Identifier, columns_of(cursor, table)))
    cursor.execute(copy.format(**names, default=default, within=within, columns=columns), span)
    moved = cursor.rowcount
    if moved:
        cursor.execute(sql.SQL("DELETE FROM {} WHERE {}").format(default, within), span)
    attach = sql.SQL("ALTER TABLE {table} ATTACH PARTITION {month} FOR VALUES FROM (%(start)s) TO (%(end)s)")
    cursor.execute(attach.format(**names), span)
    return moved


def _present(connection: Connection, table: str) -> set[str]:
    with transaction(connection) as cursor:
        present = partitions_of(cursor, table)
    if default_name(table) not in present:
        raise TelemetryError(f"There is no partitioned table {table}.", "Run `telemetry migrate`.")
    return present


def _crowded(connection: Connection, table: str, rows: int) -> list[Month]:
    """The months of which the default partition holds so many readings."""
    count = sql.SQL(
        """SELECT extract(year FROM event_time AT TIME ZONE 'UTC')::integer,
            extract(month FROM event_time AT TIME ZONE 'UTC')::integer
        FROM {} GROUP BY 1, 2 HAVING count(*) >= %s"""
    )
    with transaction(connection) as cursor:
        cursor.execute(count.format(sql.Identifier(default_name(table))), (rows,))
        return [Month(*row) for row in cursor]
