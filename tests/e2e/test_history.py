"""A day of the past, replayed into the lake and backfilled: every message a reading, every value its own, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stack import PROJECT, Stack

REAL = PROJECT.parent / "shared" / "data" / "environment-messages.json"
DAY = "2020-07-13"

OF_THE_DAY = "r.event_time >= '2020-07-13T00:00Z' AND r.event_time < '2020-07-14T00:00Z'"

EQUAL = f"""
    SELECT count(*)
    FROM messages
    JOIN environment_readings AS r
      ON r.device_id = message ->> 'device_id'
     AND abs(extract(epoch FROM r.event_time) - (message ->> 'ts')::numeric) <= 0.000001
     AND r.device_name = message ->> 'device'
     AND r.temperature = (message #>> '{{data,temp}}')::double precision
     AND r.humidity = (message #>> '{{data,humidity}}')::double precision
     AND r.co = (message #>> '{{data,co}}')::double precision
     AND r.lpg = (message #>> '{{data,lpg}}')::double precision
     AND r.smoke = (message #>> '{{data,smoke}}')::double precision
     AND r.light = (message #>> '{{data,light}}')::boolean
     AND r.motion = (message #>> '{{data,motion}}')::boolean
     AND r.extra IS NULL
    WHERE {OF_THE_DAY}
"""


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real messages where they are beside the project, else as many made up."""
    if REAL.exists():
        return REAL
    made_up = [
        {
            "data": {
                "co": 0.004 + n * 1e-9, "humidity": 50 + n % 97 / 7, "light": n % 2 == 0, "lpg": n / 3e6,
                "motion": n % 5 == 0, "smoke": n / 7e6, "temp": 20 + n % 89 / 11,
            },
            "device_id": f"5e:44:3b:f3:79:{n % 3:02x}",
            "ts": 1594598735.7727768 + n * 8.5,
            "device": f"iot-device-{n % 3:02}",
        }
        for n in range(9995)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("messages") / "environment-messages.json"
    path.write_text(json.dumps(made_up))
    return path


def test_a_replayed_day_is_backfilled_whole_and_only_once(stack: Stack, messages: Path) -> None:
    published = json.loads(messages.read_text())

    def replay_and_backfill() -> None:
        stack.run("replay", str(messages), "--stream", "environment", "--as-history")
        stack.run("backfill", "environment", "--from", DAY, "--to", DAY)

    def stored() -> tuple[int, int]:
        """Readings of the day, and those among them that equal their message in every value."""
        with stack.warehouse() as database, database.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM environment_readings AS r WHERE {OF_THE_DAY}")
            readings = (cursor.fetchone() or (0,))[0]
            cursor.execute("CREATE TEMP TABLE messages (message jsonb)")
            cursor.execute("INSERT INTO messages SELECT jsonb_array_elements(%s::jsonb)", [messages.read_text()])
            cursor.execute(EQUAL)
            return readings, (cursor.fetchone() or (0,))[0]

    replay_and_backfill()
    assert stored() == (len(published), len(published))

    replay_and_backfill()
    assert stored() == (len(published), len(published))
    loads = [load for load in stack.json("loads", "--stream", "environment") if load["interval_start"].startswith(DAY)]
    assert sorted((load["status"], load["rows_read"]) for load in loads) == [
        ("empty", 0),
        ("succeeded", len(published)),
    ]
