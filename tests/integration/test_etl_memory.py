"""Flat memory: what a function needs follows from its settings, not from the size of what it is given."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import etl
from etl import HOUR_START, Execution, put_raw, reading, rows
from telemetry.lake.envelopes import as_line
from telemetry.lake.partitions import Interval, Lane, queue_prefix
from telemetry.warehouse.connection import Connection

pytestmark = [
    pytest.mark.usefixtures("aws"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc: a child's ru_maxrss begins with its parent's"),
]

CALL = """
import json, re, sys
from pathlib import Path
from etl import call
name, event = json.load(sys.stdin)
answer = call(name, event)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([answer, int(peak[1]) // 1024]))
"""


def measured(name: str, event: dict[str, Any]) -> tuple[Any, int]:
    """A function's answer, and the most memory that it had, in MiB; in a process of its own."""
    command = [sys.executable, "-c", CALL]
    run = subprocess.run(
        command,
        input=json.dumps([name, event]),
        cwd=Path(etl.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    answer, peak = json.loads(run.stdout)
    return answer, peak


def put(lane: Lane, number: int) -> None:
    """One object of a lane, with that many readings: one a line, or a thousand a message."""
    if lane is Lane.lake:
        put_raw((reading(n) for n in range(number)), name=f"of-{number}.gz")
        return
    arrays = (json.dumps([reading(n) for n in range(start, start + 1000)]) for start in range(0, number, 1000))
    body = b"".join(as_line(array, f"{number}-{place}", 0) for place, array in enumerate(arrays))
    key = f"{queue_prefix('telemetry', HOUR_START)}of-{number}.gz"
    etl.s3().put_object(Bucket=etl.raw_bucket(), Key=key, Body=gzip.compress(body))


def peaks(lane: Lane, number: int) -> tuple[int, int]:
    """The peaks of transforming and of loading one object with that many readings."""
    put(lane, number)
    execution = Execution("telemetry", kind="daily", interval=Interval.day(HOUR_START.date()))
    (item,) = execution.extract()
    batch = {"stream": "telemetry", "load_id": execution.extracted["load_id"]}
    transformed, transforming = measured("data_transformation", {"BatchInput": batch, "Items": [item]})
    _, loading = measured("data_loading", transformed)
    return transforming, loading


@pytest.mark.parametrize("lane", Lane)
def test_an_object_eight_times_as_large_needs_no_more_memory(warehouse: Connection, lane: Lane) -> None:
    small, large = peaks(lane, 25_000), peaks(lane, 200_000)
    assert rows(warehouse, "SELECT sum(loaded), sum(duplicate) FROM load_objects") == [(200_000, 25_000)]
    for few, many in zip(small, large, strict=True):
        assert many - few < 40, f"{small} MiB, then {large} MiB"
