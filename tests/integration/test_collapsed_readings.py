"""The runbook on readings that may have collapsed does what it says: its SQL and its script, as they stand there."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from telemetry.contracts.loader import load_streams
from telemetry.contracts.reader import Arrival
from telemetry.contracts.validate import Reading
from telemetry.interval import HOUR
from telemetry.lake.envelopes import envelope_of, open_envelope
from telemetry.lake.payloads import compile_payload_reader
from telemetry.streams.replay import recorded_messages
from telemetry.warehouse.connection import Connection

STREAM = load_streams()["telemetry"]
RUNBOOK = (Path(__file__).parents[2] / "docs/runbooks/collapsed_readings.md").read_text(encoding="utf-8")
VIEW, DAYS, BESIDE_EXACT_ONES = (
    text.replace("S_readings", STREAM.table) for text in re.findall(r"```sql\n(.+?)```", RUNBOOK, re.DOTALL)
)
UPGRADE = datetime(2026, 3, 10, 9, tzinfo=UTC)
BEFORE, AFTER = UPGRADE - timedelta(days=4), UPGRADE + timedelta(days=4)
ROUNDED = [
    '{"n": 89882280666012345678}',
    '{"n": [{"m": -0.12345678901234567891}]}',
    '{"n": 9007199254740993.25}',
    '{"n": 1e300}',
]
EXACT = [
    '{"n": 1234567890123456789}',
    '{"n": 18446744073709551615}',
    '{"n": 20.5}',
    '{"n": "0.12345678901234567891"}',
    None,
]


def load(warehouse: Connection, started: datetime, texts: list[str | None]) -> list[str]:
    """A load of an hour, with a reading for each text of what no field reads; their ids."""
    name, ids = f"by-hand-{started:%Y%m%d}", []
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            """INSERT INTO loads (stream, kind, interval_start, interval_end, generation, execution_name, status,
                                  started_at, ended_at)
            VALUES (%s, 'hourly', %s, %s, 0, %s, 'succeeded', %s, %s) RETURNING load_id""",
            (STREAM.stream, started - HOUR, started, name, started, started),
        )
        load_id = cursor.fetchall()[0][0]
        cursor.execute(
            """INSERT INTO load_objects (bucket, key, stream, lane, partition_start, load_id, etag, bytes, messages,
                                         rows_read, loaded, duplicate, quarantined)
            VALUES ('raw', %s, %s, 'lake', %s, %s, '', 0, %s, %s, %s, 0, 0)""",
            (name, STREAM.stream, started - HOUR, load_id, *[len(texts)] * 3),
        )
        for number, text in enumerate(texts):
            ids.append(f"{load_id:016x}{number:016x}")
            cursor.execute(
                f"""INSERT INTO {STREAM.table}
                    (device_id, event_time, reading_id, load_id, temperature, humidity, extra)
                VALUES (%s, %s, %s, %s, 20, 40, %s)""",
                (f"d-{number}", BEFORE, ids[-1], load_id, text),
            )
    return ids


def ask(warehouse: Connection, query: str) -> list[tuple[object, ...]]:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def as_doubles(text: str) -> str:
    """As the reader was before: longer numbers became doubles."""
    return orjson.dumps(orjson.loads(text)).decode()


def test_the_queries_find_what_may_be_rounded(warehouse: Connection) -> None:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE schema_migrations SET applied_at = %s WHERE name = '0005_contracts.sql'", (UPGRADE,))
        assert cursor.rowcount == 1
        cursor.execute(VIEW)
    ids = load(warehouse, BEFORE, [*map(as_doubles, ROUNDED), *EXACT])
    assert {str(row[0]).replace("-", "") for row in ask(warehouse, "SELECT reading_id FROM rounded")} == set(
        ids[: len(ROUNDED)]
    )
    ((_, readings, first_day, last_day),) = ask(warehouse, DAYS)
    assert (readings, first_day, last_day) == (len(ROUNDED), BEFORE.date(), BEFORE.date())
    assert ask(warehouse, BESIDE_EXACT_ONES) == []
    load(warehouse, AFTER, [*ROUNDED])
    assert ask(warehouse, "SELECT count(*) FROM rounded") == [(len(ROUNDED),)]
    found = ask(warehouse, BESIDE_EXACT_ONES)
    assert {str(row[2]).replace("-", "") for row in found} == set(ids[: len(ROUNDED)])


@pytest.mark.parametrize("received_at", [1_772_366_400_000, 1_772_366_400_123, 1_772_366_399_999])
def test_the_script_makes_readings_of_their_own(tmp_path: Path, received_at: int) -> None:
    moment = datetime.fromtimestamp(received_at // 1000, UTC)
    payloads = [
        b'{"device_id": "d", "timestamp": "%b", "temperature": 20, "humidity": 40, "n": 8988228066601234567%d}'
        % (moment.isoformat().encode(), last)
        for last in (8, 9)
    ]
    lines = [
        {
            "message_id": f"m{number}",
            "topic": "devices/d/telemetry",
            "received_at": received_at,
            "payload": base64.b64encode(payload).decode(),
        }
        for number, payload in enumerate(payloads)
    ]
    (script,) = re.findall(r"python3 -c '\n(.+?)'", RUNBOOK, re.DOTALL)
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    made = subprocess.run([sys.executable, "-c", script], input=text, capture_output=True, text=True, check=True).stdout
    path = tmp_path / "messages.jsonl"
    path.write_text(made)
    read, outcomes = compile_payload_reader(STREAM), []
    for message, payload in zip(recorded_messages(path, STREAM, as_history=True), payloads, strict=True):
        envelope = envelope_of(json.loads(message.payload))
        assert envelope is not None
        assert (envelope.received_at, open_envelope(envelope)) == (received_at, payload)
        (row,) = read(payload, Arrival(envelope.topic, moment, moment + HOUR))
        assert isinstance(row.outcome, Reading)
        outcomes.append(row.outcome)
    assert len({one.reading_id for one in outcomes}) == 2
