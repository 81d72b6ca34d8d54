"""Advisory locks, which have one holder at a time across all processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from telemetry.warehouse.connection import Connection, Cursor, transaction


def advisory_lock(cursor: Cursor, name: str) -> None:
    """Wait for the lock of that name, and hold it until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))


@contextmanager
def session_advisory_lock(connection: Connection, name: str) -> Iterator[None]:
    """Wait for the lock of that name, and hold it in this block, in no transaction: one may not be idle for as long."""
    with transaction(connection) as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
    try:
        yield
    finally:
        with transaction(connection) as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
