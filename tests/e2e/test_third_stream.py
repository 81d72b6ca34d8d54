"""Adding a kind of sensor is adding one file."""

from __future__ import annotations

import json
from pathlib import Path

from stack import Stack

CONTRACT = """
stream: vibration
description: Accelerometers on pumps
topic: plant/+/vibration
device: {path: pump.serial}
event_time: {path: at, format: epoch_milliseconds}
fields:
  rms: {path: pump.rms, type: double, unit: mm/s, range: [0, 100], required: true}
  samples: {type: integer}
"""


def test_a_stream_is_one_file(stack: Stack, tmp_path: Path) -> None:
    (stack.folder / "include" / "streams" / "vibration.yaml").write_text(CONTRACT)
    start = 1_700_000_000_000  # 2023-11-14T22:13:20Z
    messages = [
        {"pump": {"serial": f"P{n % 4}", "rms": n / 8}, "at": start + n * 1000, "samples": n, "firmware": "1.2"}
        for n in range(200)
    ]
    file = tmp_path / "vibration.jsonl"
    file.write_text("\n".join(json.dumps(message) for message in messages))

    stack.run("up", timeout=600)
    stack.run("replay", str(file), "--stream", "vibration", "--as-history")
    stack.run("backfill", "vibration", "--from", "2023-11-14", "--to", "2023-11-14")

    with stack.warehouse() as database, database.cursor() as cursor:
        cursor.execute("SELECT device_id, rms, samples, extra FROM vibration_readings ORDER BY samples")
        assert cursor.fetchall() == [(f"P{n % 4}", n / 8, n, {"firmware": "1.2"}) for n in range(200)]
    assert stack.json("status")["streams"]["vibration"]["readings"] == 200
