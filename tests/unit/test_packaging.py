"""Function zips and the dependency layer: the same bytes each time, small enough, and complete."""

from __future__ import annotations

import io
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from telemetry.errors import TelemetryError
from telemetry.local.emulator_service import INTERPRETER
from telemetry.local.provision.functions import emulator_python
from telemetry.packaging.functions import LEFT_OUT, function_zip
from telemetry.packaging.layer import AWS, SERVICES, UNZIPPED_LIMIT, Target, build_layer, layer_zip
from telemetry.paths import FUNCTIONS, INCLUDE
from telemetry.settings import Functions

NAMES = sorted(Functions.model_fields)
IMPORT = "import sys; sys.path[:0] = sys.argv[1:]; import handler, telemetry; print(telemetry.__file__)"
ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "TELEMETRY_RAW_BUCKET": "raw",
    "TELEMETRY_PROCESSED_BUCKET": "processed",
    "TELEMETRY_DATABASE_SECRET": "secret",
}


def entries(bundle: bytes | Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(io.BytesIO(bundle) if isinstance(bundle, bytes) else bundle) as opened:
        return opened.infolist()


def unzipped(bundle: bytes | Path) -> int:
    return sum(entry.file_size for entry in entries(bundle))


@pytest.fixture(scope="session")
def layer() -> Path:
    return layer_zip(Target(emulator_python()))


@pytest.fixture(scope="session")
def unpacked_layer(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layer")
    with zipfile.ZipFile(layer) as opened:
        opened.extractall(folder)
    return folder / "python"


@pytest.mark.parametrize("name", NAMES)
def test_a_function_zip_is_the_same_whenever_it_is_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = function_zip(name)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    os.utime(FUNCTIONS / name / "handler.py")
    assert function_zip(name) == first
    assert [entry.filename for entry in entries(first)] == sorted(entry.filename for entry in entries(first))
    assert {entry.date_time for entry in entries(first)} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("name", NAMES)
def test_a_function_zip_holds_the_core_and_its_data_and_no_more(name: str) -> None:
    files = {entry.filename for entry in entries(function_zip(name))}
    assert {"handler.py", "settings.yaml", "streams/telemetry.yaml", "telemetry/etl/__init__.py"} <= files
    assert not [file for file in files if file.startswith(LEFT_OUT) or not file.endswith((".py", ".yaml", ".sql"))]


def test_a_function_that_is_not_there_is_named() -> None:
    with pytest.raises(TelemetryError, match="no function 'nonsense'"):
        function_zip("nonsense")


def test_the_layer_is_the_same_bytes_wherever_it_is_made(tmp_path: Path) -> None:
    first, second = tmp_path / "here", tmp_path / "elsewhere" / "and" / "deeper"
    assert build_layer(AWS, first) == build_layer(AWS, second)


@pytest.mark.parametrize("name", NAMES)
def test_function_and_layer_are_smaller_than_lambda_allows(name: str, layer: Path) -> None:
    assert unzipped(layer) + unzipped(function_zip(name)) < UNZIPPED_LIMIT
    assert unzipped(layer_zip(AWS)) + unzipped(function_zip(name)) < UNZIPPED_LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_a_handler_imports_from_its_zip_and_the_layer_alone(name: str, unpacked_layer: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(function_zip(name))) as opened:
        opened.extractall(tmp_path)
    done = subprocess.run(
        [INTERPRETER, "-I", "-S", "-c", IMPORT, tmp_path, unpacked_layer],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == tmp_path / "telemetry" / "__init__.py"


def test_the_interpreter_has_no_libraries_of_its_own() -> None:
    """The test above means something only where the interpreter has nothing of its own."""
    done = subprocess.run([INTERPRETER, "-I", "-S", "-c", "import boto3"], capture_output=True, check=False)
    assert done.returncode != 0


def test_the_layer_has_the_services_that_functions_call() -> None:
    """botocore's models of all other services are left out of it."""
    called = set()
    for path in [*FUNCTIONS.rglob("*.py"), *(INCLUDE / "telemetry").rglob("*.py")]:
        if not path.relative_to(INCLUDE).as_posix().startswith(LEFT_OUT):
            called |= set(re.findall(r"\bclient\(\s*[\"']([a-z0-9-]+)[\"']", path.read_text()))
    assert called <= set(SERVICES)
