"""A lost warehouse is rebuilt from the lake: an empty database and a backfill give back what both lanes had loaded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl import HOUR_START, Execution, envelope, put_raw, reading, rows, send, table_of
from etl import new_queue as create_queue
from telemetry.contracts.loader import load_streams
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.migrate import migrate

pytestmark = pytest.mark.usefixtures("aws")

STREAM = "telemetry"


def contents(warehouse: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row, without the number of its load: that depends on how often was loaded."""
    queries = {
        "quarantine": "SELECT key, line, item, reason, detail, raw, topic, received_at, reading FROM quarantine",
        "objects": """
            SELECT lane, key, etag, messages, redelivered, rows_read, loaded + duplicate, quarantined, filtered
            FROM load_objects""",
        "sums": "SELECT sum(loaded)::int, sum(duplicate)::int, sum(quarantined)::int FROM load_objects",
        "days": "SELECT key, lane, day, messages FROM load_object_days",
        "queue messages": "SELECT message_id, key FROM queue_messages",
    }
    found = {name: sorted(rows(warehouse, query)) for name, query in queries.items()}
    return {**found, "readings": table_of(warehouse, STREAM)}


def put_messages(queue: str, hour: datetime) -> None:
    """Messages of both lanes: readings, rejects, a message that Firehose delivered twice, and one lane's own."""
    sent = [envelope(reading(n), received_at=hour + timedelta(seconds=n)) for n in range(30)]
    bad = [envelope({"device_id": "door"}, received_at=hour), envelope(b"\x00\xff", received_at=hour)]
    only_queue = envelope(reading(1000 + hour.hour), received_at=hour)
    put_raw([line.encode() for line in [*sent, *bad, *sent[:5]]], hour=hour)
    send(queue, [*sent, bad[0], only_queue])


def test_an_empty_database_gets_everything_back(warehouse: Connection) -> None:
    queue = create_queue(STREAM)
    for hour in (HOUR_START, HOUR_START + timedelta(hours=2)):
        put_messages(queue, hour)
        Execution(STREAM, "hourly", Interval.hour(hour)).run()
        Execution(STREAM, "queue", Interval.hour(datetime.now(UTC))).run()
    before = contents(warehouse)
    assert all(before.values())
    assert {row[0] for row in before["objects"]} == {"lake", "queue"}

    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    migrate(warehouse, load_streams())
    for day in (HOUR_START.date(), datetime.now(UTC).date()):  # queue objects are in the hour of their drain
        Execution(STREAM, "daily", Interval.day(day)).run()

    assert contents(warehouse) == before
