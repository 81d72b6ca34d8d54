"""``streams.json``: what Terraform is told follows from the checked files, and a faulty one stops the package."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from string import Template

import pytest

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import FieldType
from telemetry.contracts.schema import readings_schema, rejects_schema
from telemetry.interval import Lane
from telemetry.lake.envelopes import FIELDS
from telemetry.lake.layout import PROCESSED, QUARANTINE, raw_prefix
from telemetry.lake.raw_object import RawObject
from telemetry.packaging.package import INDEX
from telemetry.packaging.streams import streams_document
from telemetry.paths import INCLUDE, SETTINGS, STREAMS

SOIL = "stream: soil\ntopic: devices/+/soil\ndevice: {path: at.device}\nevent_time: {path: at.time, format: iso8601}\n"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    """A copy of the settings and the streams."""
    shutil.copytree(STREAMS, tmp_path / "include" / STREAMS.name)
    shutil.copy(SETTINGS, tmp_path / "include")
    return tmp_path / "include"


def test_streams_json_has_the_digests_of_its_sources(include: Path) -> None:
    files = streams_document(include)["files"]
    assert sorted(files) == ["settings.yaml", "streams/environment.yaml", "streams/telemetry.yaml"]
    for path, digest in files.items():
        assert digest == hashlib.sha256((include / path).read_bytes()).hexdigest()


def test_streams_json_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    made = streams_document()
    monkeypatch.setenv("TELEMETRY_FIREHOSE_BUFFER_SECONDS", "not a number")
    assert streams_document() == made


def test_names_and_templates_are_those_of_the_settings() -> None:
    settings, document = load_settings(), streams_document()
    assert document["names"]["environment_parameter"] == "/iot/telemetry/environment"
    for name, stream in load_streams().items():
        told = document["streams"][name]
        assert told["topic"] == stream.topic
        assert told["queue"] == settings.names.queue(name)
        assert told["sql"].endswith(f"FROM '{stream.topic}'")
        assert re.findall(r" AS (\w+)", told["sql"]) == list(FIELDS)
    texts = [text for told in document["streams"].values() for text in told.values() if isinstance(text, str)]
    texts += [text for alarm in document["alarms"] for text in (alarm["name"], *alarm["dimensions"].values())]
    assert not [text for text in texts if "{" in text.replace("!{", "").replace("${", "")]


def test_a_stream_s_objects_are_kept_as_long_as_its_file_or_the_settings_say(include: Path) -> None:
    def kept() -> dict[str, int | None]:
        return {name: told["lake_days"] for name, told in streams_document(include)["streams"].items()}

    assert kept() == {"environment": None, "telemetry": None}
    settings, stream = include / SETTINGS.name, include / STREAMS.name / "telemetry.yaml"
    settings.write_text(settings.read_text().replace("lake_days: null", "lake_days: 400"))
    stream.write_text(f"{stream.read_text()}retention: {{lake_days: 30}}\n")
    assert kept() == {"environment": 400, "telemetry": 30}


def test_tables_have_the_columns_of_the_parquet_files(include: Path) -> None:
    formats = {FieldType.timestamp: ", format: iso8601"}
    lines = "".join(f"  a_{type_}: {{type: {type_}{formats.get(type_, '')}}}\n" for type_ in FieldType)
    (include / STREAMS.name / "soil.yaml").write_text(f"{SOIL}fields:\n{lines}")
    told, stream = streams_document(include)["streams"]["soil"], load_streams(include / STREAMS.name)["soil"]
    columns = {table: {one["name"]: one["type"] for one in made["columns"]} for table, made in told["tables"].items()}
    assert list(columns["soil_readings"]) == readings_schema(stream, Lane.queue).names
    assert list(columns["soil_quarantine"]) == rejects_schema(Lane.queue).names
    assert columns["soil_readings"] == {
        "device_id": "string",
        "event_time": "timestamp",
        "reading_id": "string",
        "a_string": "string",
        "a_double": "double",
        "a_integer": "bigint",
        "a_boolean": "boolean",
        "a_timestamp": "timestamp",
        "a_json": "string",
        "extra": "string",
        "line": "bigint",
        "item": "int",
        "message_id": "string",
        "received_on": "date",
    }
    assert columns["soil_quarantine"]["raw"] == "binary"
    assert columns["soil_raw"] == {
        "message_id": "string",
        "topic": "string",
        "received_at": "bigint",
        "payload": "string",
    }


def test_a_partition_of_a_table_is_where_its_objects_lie() -> None:
    tables = streams_document()["streams"]["telemetry"]["tables"]
    raw = f"{raw_prefix('telemetry', datetime(2026, 3, 9, 7, tzinfo=UTC))}batch.gz"
    raw_object = RawObject("raw", raw, etag="", bytes=1, lane=Lane.lake)
    keys = {
        "telemetry_raw": raw,
        "telemetry_readings": raw_object.derived_key(PROCESSED),
        "telemetry_quarantine": raw_object.derived_key(QUARANTINE),
    }
    values = {"lane": "lake", "year": "2026", "month": "03", "day": "09", "hour": "07"}
    for table, key in keys.items():
        place = f"{tables[table]['folder']}{Template(tables[table]['partitions']).substitute(values)}"
        assert key.removeprefix(place).partition(".")[0] == "batch"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("streams/telemetry.yaml", "type: double, unit: °C", "type: dooble", "10: fields.temperature.type: "),
        ("streams/telemetry.yaml", "stream: telemetry", "stream: soil", "3: stream: the name 'soil' does not match"),
        (
            "streams/telemetry.yaml",
            "+/telemetry",
            "+/environment",
            "5: topic: .* takes messages of .* the topic of stream environment",
        ),
        ("settings.yaml", "  stream: telemetry", "  stream: soil", r"\d+: simulator.stream: there is no stream 'soil'"),
        ("settings.yaml", "max_receive_count: 5", "max_receive_count: 0", r"\d+: queue.max_receive_count: "),
    ],
)
def test_a_faulty_file_stops_the_package_before_anything_is_written(
    include: Path, file: str, old: str, new: str, said: str
) -> None:
    path, dist = include / file, include.parent / "dist"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    dist.mkdir()
    (dist / INDEX).write_text("of yesterday")
    shutil.copytree(INCLUDE / "telemetry", include / "telemetry", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "telemetry.cli", "package"],
        cwd=include.parent,
        env={**os.environ, "PYTHONPATH": str(include)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(f"{re.escape(str(path))}:{said}", " ".join(done.stderr.split())), done.stderr
    assert {one.name: one.read_text() for one in dist.iterdir()} == {INDEX: "of yesterday"}
    assert sorted(one.name for one in include.parent.iterdir()) == ["dist", "include"]
