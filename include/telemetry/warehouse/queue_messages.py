"""The table ``queue_messages``: ids of messages that objects of the queue lane have brought into the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from psycopg2.extras import execute_values

from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Connection, Cursor, transaction

IDS_AT_ONCE = 1000


def known_messages(connection: Connection, message_ids: Iterable[str]) -> set[str]:
    """Return the ids whose messages an object of the queue lane has brought into the ledger."""
    known: set[str] = set()
    remaining = iter(message_ids)
    with transaction(connection) as cursor:
        while some := list(islice(remaining, IDS_AT_ONCE)):
            cursor.execute("SELECT message_id FROM queue_messages WHERE message_id = ANY(%s)", (some,))
            known.update(message_id for (message_id,) in cursor)
    return known


def add_messages(cursor: Cursor, raw_object: RawObject, message_ids: Iterable[str]) -> list[str]:
    """Note the messages of an object, in the order of their ids; those that were not known before.

    Waits for a transaction that adds one of them, and finds it known when that one commits.
    """
    added = execute_values(
        cursor,
        """INSERT INTO queue_messages (message_id, bucket, key) VALUES %s ON CONFLICT DO NOTHING
        RETURNING message_id""",
        [(message_id, raw_object.bucket, raw_object.key) for message_id in sorted(message_ids)],
        page_size=IDS_AT_ONCE,
        fetch=True,
    )
    return [message_id for (message_id,) in added]
