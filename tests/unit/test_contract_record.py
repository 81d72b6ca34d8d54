"""The record of the contracts that were packaged: a package that would change what readings mean is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telemetry.contracts.evolution import Meaning
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.errors import TelemetryError
from telemetry.packaging.contract_record import RECORD, ContractRecord
from telemetry.packaging.layer import AWS, CACHE, layer_zip
from telemetry.packaging.package import INDEX
from telemetry.paths import INCLUDE

PROJECT = INCLUDE.parent
TEMPERATURE = "temperature: {type: double, unit: °C"
YESTERDAY = "of yesterday"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    """The folder ``include`` of a copy of all that makes a package, beside an older package."""
    for folder in ("dags", "include", "plugins", "requirements"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(PROJECT / "requirements.txt", tmp_path)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / INDEX).write_text(YESTERDAY)
    return tmp_path / "include"


def package(include: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in the copy, with the checkout's dependency layers."""
    layer_zip(AWS)
    built = include.parent / "build"
    if not built.exists():
        built.symlink_to(CACHE.parent)
    return subprocess.run(
        [sys.executable, "-m", "telemetry.cli", "package"],
        cwd=include.parent,
        env={**os.environ, "PYTHONPATH": str(include)},
        capture_output=True,
        text=True,
        check=False,
    )


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(include: Path) -> str:
    """What the command says when it refuses; it has changed nothing."""
    record = include / RECORD.name
    before = record.read_bytes()
    done = package(include)
    assert done.returncode == 1, done.stderr
    assert record.read_bytes() == before
    assert {path.name: path.read_text() for path in (include.parent / "dist").iterdir()} == {INDEX: YESTERDAY}
    return " ".join(done.stderr.split())


def test_the_projects_own_record_is_current() -> None:
    record = ContractRecord.read(RECORD)
    assert record.then(load_streams()) == record, "run `make package` and commit include/contracts.lock.yaml"


def test_a_change_of_what_readings_mean_is_refused_before_anything_is_written(include: Path) -> None:
    stream = include / "streams" / "telemetry.yaml"
    change(stream, TEMPERATURE, "temperature: {type: integer, unit: K")
    change(stream, "device: {path: device_id}", "device: {path: serial}")
    said = refused(include)
    assert f"{stream}:7: device: the readings so far have the device from another place" in said
    assert f"{stream}:10: fields.temperature.type: it was double, and is integer: a column has one type." in said
    assert f"{stream}:10: fields.temperature.unit: it was °C, and is K: the column would mix units." in said
    assert "What was never deployed may change: delete the entry" in said


def test_an_allowed_change_is_put_on_record(include: Path) -> None:
    stream, record = include / "streams" / "telemetry.yaml", include / RECORD.name
    change(stream, "fields:", "fields:\n  pressure: {type: double, unit: hPa}")
    done = package(include)
    assert done.returncode == 0, done.stderr
    assert f"{record}: updated for telemetry. Commit it with the change." in " ".join(done.stderr.split())
    assert "pressure: {type: double, unit: hPa}" in record.read_text(encoding="utf-8")
    assert (include.parent / "dist" / INDEX).read_text() != YESTERDAY
    written = record.stat()
    assert "updated for" not in package(include).stderr
    assert record.stat() == written


def test_what_was_never_deployed_may_change_once_its_entry_is_deleted(include: Path) -> None:
    stream, record = include / "streams" / "telemetry.yaml", include / RECORD.name
    change(stream, "unit: °C", "unit: K")
    change(record, f"    {TEMPERATURE}}}\n", "")
    change(record, f"    {TEMPERATURE}}}\n", "")  # that of the other stream, which has not changed
    done = package(include)
    assert done.returncode == 0, done.stderr
    assert "updated for environment, telemetry" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: double", "type: dooble", "9: environment.fields.temperature.type: Input should be"),
        ("unit: °C", "unti: °C", "9: environment.fields.temperature.unti: Extra inputs are not permitted"),
        ("\ntelemetry:", "\nenvironment:", "16: environment: appears twice"),
    ],
)
def test_a_damaged_record_is_named_with_line_and_field(tmp_path: Path, old: str, new: str, said: str) -> None:
    record = tmp_path / RECORD.name
    shutil.copy(RECORD, record)
    change(record, old, new)
    with pytest.raises(TelemetryError) as error:
        ContractRecord.read(record)
    assert f"{record}:{said}" in error.value.message
    assert error.value.hint == "Restore contracts.lock.yaml from version control."


def test_a_record_with_a_conflict_stops_the_package(include: Path) -> None:
    change(include / RECORD.name, "\ntelemetry:", "\n<<<<<<< HEAD\ntelemetry:")
    said = refused(include)
    assert f"{include / RECORD.name}:" in said
    assert "not valid YAML" in said
    assert f"Restore {RECORD.name} from version control." in said


def test_an_empty_record_is_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / RECORD.name).touch()
    with pytest.raises(TelemetryError, match=r"contracts\.lock\.yaml:1: the document: .*Restore"):
        ContractRecord.read(tmp_path / RECORD.name)


def test_a_record_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="cannot be written"):
        ContractRecord({}).write(tmp_path / "nowhere" / RECORD.name)


def test_a_missing_record_is_begun(tmp_path: Path) -> None:
    begun = ContractRecord.read(tmp_path / RECORD.name).then(load_streams())
    assert begun == ContractRecord.read(RECORD)


def test_what_is_removed_keeps_its_entry_and_comes_back_as_it_was(tmp_path: Path) -> None:
    document: dict[str, Any] = {
        "stream": "door",
        "topic": "door/+",
        "device": {"levels": "device"},
        "event_time": "received",
        "fields": {"gap": {"type": "double", "unit": "mm"}, "open": {"type": "boolean"}},
    }
    before = ContractRecord({}).then({"door": Stream.model_validate(document)})
    assert before.then({}) == before
    less = {**document, "fields": {"open": {"type": "boolean"}}}
    assert before.then({"door": Stream.model_validate(less)}) == before
    (tmp_path / "door.yaml").write_text("stream: door\nfields:\n  gap: {type: double, unit: cm}\n")
    other = {**document, "fields": {"gap": {"type": "double", "unit": "cm"}}}
    with pytest.raises(TelemetryError, match=r"door\.yaml:3: fields\.gap\.unit: it was mm, and is cm"):
        before.then({}).then({"door": Stream.model_validate(other)}, tmp_path)


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True) | st.sampled_from(["on", "null", "true", "nan", "y"])
MEANINGS = st.fixed_dictionaries(
    {
        "device": st.builds(dict, constant=st.text(min_size=1, max_size=20)),
        "event_time": st.just({}) | st.just({"path": "at", "timezone": "Europe/Berlin"}),
        "fields": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {"type": st.sampled_from(["double", "string"])},
                optional={"unit": st.sampled_from(["°C", "%", "1"]), "scale": st.sampled_from([0.1, "5/9", 1e-7])},
            ),
            max_size=3,
        ),
    }
).map(Meaning.model_validate)


@settings(max_examples=40)
@example({"nel": Meaning.model_validate({"device": {"constant": "\x85"}, "event_time": {}, "fields": {}})})
@given(st.dictionaries(NAMES, MEANINGS, max_size=3))
def test_a_record_is_read_as_it_was_written(tmp_path: Path, streams: dict[str, Meaning]) -> None:
    record = ContractRecord(streams)
    record.write(tmp_path / RECORD.name)
    assert ContractRecord.read(tmp_path / RECORD.name) == record
