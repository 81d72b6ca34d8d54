"""Flat memory: what a function needs follows from its settings, not from the size of what it is given."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import etl
from etl import HOUR_START, Execution, put_raw, reading, rows
from telemetry.contracts.schema import rejects_schema
from telemetry.etl.merge import Redelivery
from telemetry.etl.parquet import ParquetFileWriter
from telemetry.interval import Lane
from telemetry.lake.raw_object import RawObject
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


def peaks(number: int) -> tuple[int, int]:
    """The peaks of transforming and of loading one object with that many readings."""
    put_raw((reading(n) for n in range(number)), name=f"of-{number}.gz")
    execution = Execution("telemetry")
    (item,) = execution.extract()
    batch = {"stream": "telemetry", "load_id": execution.extracted["load_id"]}
    transformed, transforming = measured("data_transformation", {"BatchInput": batch, "Items": [item]})
    _, loading = measured("data_loading", transformed)
    return transforming, loading


def test_memory_does_not_grow_with_the_size_of_the_object(warehouse: Connection) -> None:
    small, large = peaks(25_000), peaks(200_000)
    assert rows(warehouse, "SELECT sum(loaded), sum(duplicate) FROM load_objects") == [(200_000, 25_000)]
    for few, many in zip(small, large, strict=True):
        assert many - few < 40, f"{small} MiB, then {large} MiB"


def test_a_queue_object_s_messages_are_held_and_not_their_rows(warehouse: Connection, tmp_path: Path) -> None:
    path = tmp_path / "rejects.parquet"
    rejects = ParquetFileWriter(path, rejects_schema(Lane.queue), ["line"])
    for number in range(10):  # each message holds an array of many rows
        rejects.rows = [
            ("wrong_type", "", b"0", None, None, None, number, item, f"m-{number}", HOUR_START.date())
            for item in range(20_000)
        ]
        rejects.flush()
    rejects.close({})
    raw_object = RawObject("b", "k", "e", bytes=1, lane=Lane.queue)
    tracemalloc.start()
    try:
        with warehouse, warehouse.cursor() as cursor:
            Redelivery.detect(cursor, raw_object, [pq.ParquetFile(path)])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows(warehouse, "SELECT count(*) FROM queue_messages") == [(10,)]
    assert peak < 4 * 2**20, f"{peak:,} bytes for ten messages"
