"""The analysis notebook, executed on objects that the project's own code wrote: its numbers and its plots."""

from __future__ import annotations

import base64
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import nbformat
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import etl
from telemetry.contracts.loader import find_stream, load_streams
from telemetry.devices.simulate import Simulation, simulate
from telemetry.interval import HOUR, Interval
from telemetry.lake.history import write_history
from telemetry.lake.layout import PROCESSED, QUARANTINE, RAW
from telemetry.paths import INCLUDE

NOTEBOOK = INCLUDE / "notebooks" / "telemetry_analysis.ipynb"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)

PROBE = """
print(json.dumps({
    "contracts": CONTRACTS,
    "rows": len(raw),
    "verdicts": verdicts["rows"].to_dict(),
    "readings": sorted([reading.device_id, reading.event_time.isoformat()] for reading in readings.itertuples()),
    "processed": by_lane["readings"].to_dict(),
    "gaps": sorted([gap.device_id, gap.start.isoformat(), gap.end.isoformat()] for gap in gaps.itertuples()),
    "late": {device: number for device, number in late["late"].items() if number},
    "lines": [
        {line.get_label(): [None if math.isnan(y) else float(y) for y in line.get_ydata()] for line in axis.lines}
        for axis in climate_axes
    ],
    "titles": [axis.get_title(loc="left") for axis in (*climate_axes, gap_axis, delay_axis, arrival_axis)],
    "time_axes": [axis.get_xlabel() for axis in (climate_axes[-1], gap_axis, arrival_axis)],
    "hatched": sum(bool(bar.get_hatch()) for bar in gap_axis.patches),
    "delays": [sum(bar.get_height() for bar in group) for group in delay_axis.containers],
    "arrivals": {
        group.get_label(): sum(bar.get_height() for bar in group)
        for group in arrival_axis.containers
    },
}, default=float))
"""
"""What the notebook came to, and what is drawn in its plots; the last cell of what is executed here."""

Cell = dict[str, Any]
Execute = Callable[..., list[Cell]]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotebookClient]:
    """One kernel for all tests: to import pandas and matplotlib takes longer than the rest."""
    new_notebook: Any = nbformat.v4.new_notebook
    client = NotebookClient(new_notebook(), timeout=120)
    with client.setup_kernel(env={**os.environ, "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython"))}):
        yield client


@pytest.fixture
def execute(aws: object, kernel: NotebookClient) -> Execute:
    """Executes the notebook with its parameters in the environment."""

    def run(stream: str, last_day: str, days: int) -> list[Cell]:
        parameters = {"TELEMETRY_STREAM": stream, "TELEMETRY_LAST_DAY": last_day, "TELEMETRY_DAYS": str(days)}
        environment = {key: value for key, value in os.environ.items() if key.startswith(("AWS_", "TELEMETRY_"))}
        read: Any = nbformat.read
        new_cell: Any = nbformat.v4.new_code_cell
        notebook = read(NOTEBOOK, as_version=4)
        prepare = f"%reset -f\nimport os\nos.environ |= {environment | parameters}"
        notebook.cells = [new_cell(prepare), *notebook.cells, new_cell(PROBE)]
        kernel.nb = notebook
        for number, cell in enumerate(notebook.cells):
            kernel.execute_cell(cell, number)
        cells: list[Cell] = notebook.cells
        return cells

    return run


def found(cells: list[Cell]) -> dict[str, Any]:
    """What the probe printed."""
    document: dict[str, Any] = json.loads(cells[-1]["outputs"][0]["text"])
    return document


def plots(cells: list[Cell]) -> dict[str, bytes]:
    """The PNGs by the names of their cells."""
    return {
        cell["id"]: base64.b64decode(output["data"]["image/png"])
        for cell in cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    }


def inked(png: bytes) -> float:
    """The part of an image that is not white."""
    import matplotlib.image

    pixels = matplotlib.image.imread(io.BytesIO(png))
    assert pixels.shape[1] > 1000
    return float((pixels[:, :, :3].min(axis=2) < 0.95).mean())


def arrive(payloads: dict[datetime, list[Any]], stream: str) -> None:
    """Write what arrived into the lake in envelopes, an object an hour."""
    hours: dict[datetime, list[bytes]] = {}
    for moment, arrived in payloads.items():
        lines = hours.setdefault(Interval.hour(moment).start, [])
        lines += [etl.envelope(payload, received_at=moment).encode() for payload in arrived]
    for hour, lines in hours.items():
        etl.put_raw(lines, stream, hour)


def transform(stream: str) -> None:
    """Have DataTransformationFunction make Parquet files of every raw object."""
    listed = etl.s3().list_objects_v2(Bucket=etl.raw_bucket(), Prefix=f"{RAW}/{stream}/")["Contents"]
    items = [
        {
            "bucket": etl.raw_bucket(),
            "key": entry["Key"],
            "etag": entry["ETag"].strip('"'),
            "bytes": entry["Size"],
            "lane": "lake",
        }
        for entry in listed
    ]
    etl.call("data_transformation", {"BatchInput": {"stream": stream, "load_id": 1}, "Items": items})


def parquet_rows(folder: str, stream: str) -> Iterator[dict[str, Any]]:
    """What the function wrote below ``folder``."""
    for entry in (
        etl.s3().list_objects_v2(Bucket=etl.processed_bucket(), Prefix=f"{folder}/{stream}/").get("Contents", [])
    ):
        body = etl.s3().get_object(Bucket=etl.processed_bucket(), Key=entry["Key"])["Body"].read()
        yield from pq.read_table(io.BytesIO(body)).to_pylist()


def measured(device: int, moment: datetime, **changes: Any) -> dict[str, Any]:
    """A payload of stream telemetry: 20 °C and a tenth more for each minute of the hour, a degree more a device."""
    payload = {
        "device_id": f"device-{device}",
        "timestamp": moment.isoformat(),
        "temperature": 20 + device + moment.minute / 10,
        "humidity": 50,
    }
    return payload | changes


REJECTED = [
    b"nonsense",
    5,
    measured(0, NOON, temperature=None),
    measured(0, NOON, temperature="21.5"),
    measured(0, NOON, humidity=1000),
    measured(0, NOON, timestamp="2026-03-01T12:00:00"),
    measured(0, NOON, timestamp="2026-03-01T14:30:00Z"),
]


def known_day() -> None:
    """Six hours of three devices, and before them a day of history of the first: see what is expected of it below."""
    start = NOON - timedelta(days=1)
    past = [(moment, measured(0, moment)) for moment in (start + number * HOUR for number in range(12))]
    write_history(etl.s3(), etl.raw_bucket(), "telemetry", ((m, json.dumps(p).encode()) for m, p in past))
    arrived: dict[datetime, list[Any]] = {}
    for number in range(36):
        moment = NOON + number * TEN_MINUTES
        for device in range(3):
            silent = device == 2 and NOON + HOUR <= moment < NOON + 5 * HOUR
            late = device == 1 and number < 5
            if not silent:
                seen = moment + timedelta(hours=3 if late else 0, seconds=2)
                arrived.setdefault(seen, []).append(measured(device, moment))
    first, after = NOON + timedelta(seconds=2), NOON + timedelta(minutes=1)
    arrived[after] = [*REJECTED, arrived[first][0], [measured(0, NOON + timedelta(minutes=n)) for n in (1, 2, 3)]]
    arrive(arrived, "telemetry")


def test_a_known_day(execute: Execute) -> None:
    known_day()
    transform("telemetry")
    cells = execute("telemetry", "2026-03-01", 2)
    seen = found(cells)

    readings = 12 + 36 + 36 + 12 + 3
    assert seen["verdicts"] == {
        "reading": readings,
        "duplicate": 1,
        "no JSON object": 2,
        "missing field": 1,
        "wrong type": 1,
        "out of range": 1,
        "no time": 1,
        "in the future": 1,
    }
    assert seen["rows"] == readings + 1 + len(REJECTED)
    assert seen["processed"] == {"lake": readings}
    assert seen["late"] == {"device-1": 5}
    assert seen["gaps"] == [
        ["device-0", "2026-02-28T23:00:00+00:00", "2026-03-01T12:00:00+00:00"],
        ["device-2", "2026-03-01T12:50:00+00:00", "2026-03-01T17:00:00+00:00"],
    ]

    for axis in seen["lines"]:
        points = {device: sum(value is not None for value in line) for device, line in axis.items()}
        assert points == {"device-0": 12 + 24, "device-1": 24, "device-2": 8}  # steps of 15 minutes
        breaks = {device: sum(value is None for value in line) for device, line in axis.items()}
        assert breaks == {"device-0": 1, "device-1": 0, "device-2": 1}
    assert seen["lines"][0]["device-1"][:2] == [pytest.approx(21.5), pytest.approx(23)]
    assert set(seen["lines"][1]["device-1"]) == {50}
    assert seen["hatched"] == 2
    assert seen["delays"] == [readings - 5, 5]
    assert seen["arrivals"] == {"reading": readings, "duplicate": 1, "rejected": len(REJECTED)}
    assert seen["titles"] == [
        "Temperature (°C)",
        "Humidity (%)",
        "Gaps of more than 2 h (hatched): 2 in all; 3 devices",
        f"5 of {readings} readings were late",
        f"What arrived in the lake, by hour: {readings + 1 + len(REJECTED)} rows",
    ]
    assert all(label.endswith(" (UTC)") for label in seen["time_axes"])

    images = plots(cells)
    assert images.keys() == {"climate", "gaps-plot", "late-plot", "arrivals-plot"}
    assert all(inked(png) > 0.01 for png in images.values())

    assert seen["contracts"] == {name: as_the_notebook_has_it(name) for name in load_streams()}


def as_the_notebook_has_it(name: str) -> dict[str, Any]:
    """A contract of ``include/streams``, in the notebook's words."""
    stream = find_stream(name)
    return {
        "device_id": stream.device.path,
        "event_time": [stream.event_time.path, stream.event_time.format],
        "fields": {
            name: [field.path, field.type.value, field.unit, list(field.range) if field.range else None, field.required]
            for name, field in stream.fields.items()
        },
    }


def test_the_notebook_reads_the_other_stream_as_the_etl_does(execute: Execute) -> None:
    simulation = Simulation(
        find_stream("environment"), 900, NOON, NOON + 6 * HOUR, 12, duplicate=0.05, late=0.05, malformed=0.1
    )
    arrived: dict[datetime, list[Any]] = {}
    for message in simulate(simulation):
        arrived.setdefault(message.moment or NOON, []).append(message.payload)
    arrive(arrived, "environment")
    transform("environment")
    seen = found(execute("environment", "2026-03-01", 1))

    processed = {row["reading_id"]: row for row in parquet_rows(PROCESSED, "environment")}
    assert len(processed) > 700
    assert seen["readings"] == sorted([row["device_id"], row["event_time"].isoformat()] for row in processed.values())
    assert seen["processed"] == {"lake": len(processed)}
    verdicts = Counter(seen["verdicts"])
    rejected = verdicts.total() - verdicts["reading"] - verdicts["duplicate"]
    assert rejected == len(list(parquet_rows(QUARANTINE, "environment"))) > 50
    assert sum(seen["late"].values()) > 20
    assert [len(axis) for axis in seen["lines"]] == [10, 10]  # no more devices than can be told apart


def test_days_without_objects_are_named(execute: Execute) -> None:
    with pytest.raises(CellExecutionError, match=r"No raw objects of telemetry in s3://bucket-.* up to 2020-01-01"):
        execute("telemetry", "2020-01-01", 3)


def test_the_committed_notebook_holds_no_results() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
