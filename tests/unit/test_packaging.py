"""The package: the same bytes each time; function zips and the dependency layer small enough, and complete."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.config.settings import Functions
from telemetry.errors import TelemetryError
from telemetry.local.provision.functions import emulator_python
from telemetry.local.services.emulator import INTERPRETER
from telemetry.packaging.archive import archive, digest
from telemetry.packaging.contract_record import RECORD
from telemetry.packaging.functions import LEFT_OUT, function_zip
from telemetry.packaging.layer import AWS, SERVICES, UNZIPPED_LIMIT, Target, layer_zip
from telemetry.packaging.mwaa import AIRFLOW, DAGS, PROJECT, plugins_zip, requirements, startup_script
from telemetry.packaging.package import write_package
from telemetry.paths import FUNCTIONS, INCLUDE

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


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(TelemetryError, match="no function 'nonsense'"):
        function_zip("nonsense")


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


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,2}", fullmatch=True), st.binary(max_size=50)))
def test_an_archive_is_its_files_in_any_order(files: dict[str, bytes]) -> None:
    bundle = archive(files)
    assert archive(dict(reversed(files.items()))) == bundle
    with zipfile.ZipFile(io.BytesIO(bundle)) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == files


# --- The whole package

CLONED = ["dags", "include", "plugins", "requirements", "requirements.txt", "pyproject.toml"]


def clone(folder: Path, mode: int) -> Path:
    """A copy of what makes the package: all files with one mode, at a time and in an order of its own."""
    for path in sorted(files_of(PROJECT, *CLONED), reverse=mode == 0o600):
        copy = folder / path.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copy.chmod(mode)
        os.utime(copy, (mode, mode))
    return folder


def files_of(root: Path, *names: str) -> list[Path]:
    found = [path for name in names for path in [root / name, *(root / name).rglob("*")]]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def packaged(checkout: Path, umask: int) -> dict[str, bytes]:
    """What the command makes in a checkout, its dependency layer included."""
    done = subprocess.run(
        [sys.executable, "-m", "telemetry.cli", "package"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout / "include")},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    dist = checkout / "dist"
    return {path.relative_to(dist).as_posix(): path.read_bytes() for path in dist.rglob("*") if path.is_file()}


def test_two_clones_make_the_same_bytes(tmp_path: Path) -> None:
    here = packaged(clone(tmp_path / "here", 0o644), umask=0o022)
    there = packaged(clone(tmp_path / "elsewhere" / "and deeper", 0o600), umask=0o077)
    assert {path: digest(content) for path, content in here.items()} == {
        path: digest(content) for path, content in there.items()
    }
    assert str(tmp_path).encode() not in b"".join(content for path, content in here.items() if "layers/" not in path)


def make(output: Path, *, airflow: str, target: Target) -> dict[str, Any]:
    """A package of the checkout, with a record of its contracts that is read and never kept."""
    with tempfile.TemporaryDirectory() as folder:
        return write_package(output, airflow=airflow, target=target, record=Path(folder, RECORD.name), tell=print)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("package") / "dist"


@pytest.fixture(scope="module")
def index(dist: Path) -> dict[str, Any]:
    return make(dist, airflow="3.2.1", target=AWS)


def test_the_index_names_every_file_but_the_streams(dist: Path, index: dict[str, Any]) -> None:
    assert json.loads((dist / "artefacts.json").read_text()) == index
    airflow = index["airflow"]
    named = [index["layer"], *index["functions"].values(), *airflow["dags"]]
    named += [airflow[kind] for kind in ("plugins", "requirements", "startup")]
    assert sorted([*named, "artefacts.json", "streams.json"]) == sorted(
        path.relative_to(dist).as_posix() for path in files_of(dist, ".")
    )
    assert sorted(index["functions"]) == NAMES
    assert (index["python"], airflow["version"]) == ("3.12", "3.2.1")


def test_artefacts_are_named_by_their_content(dist: Path, index: dict[str, Any]) -> None:
    for path in files_of(dist, "layers", "functions", "airflow"):
        if "dags" not in path.parts:
            assert path.stem.rpartition("-")[2] == digest(path.read_bytes())
    for path in index["airflow"]["dags"]:
        assert (dist / path).read_bytes() == (DAGS / path.removeprefix("airflow/dags/")).read_bytes()


@pytest.mark.usefixtures("index")
def test_no_file_of_an_older_package_stays(dist: Path) -> None:
    stale = dist / "functions" / "DataLoadingFunction-0123456789abcdef.zip"
    stale.write_bytes(b"older")
    make(dist, airflow="3.2.1", target=AWS)
    assert not stale.exists()
    assert [path.name for path in dist.parent.iterdir()] == ["dist"]


def test_a_folder_that_is_no_package_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(TelemetryError, match="is not a package"):
        make(tmp_path, airflow=AIRFLOW, target=AWS)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("python", ["3.10", "3.14", "twelve"])
def test_a_python_without_a_lock_is_refused(tmp_path: Path, python: str) -> None:
    with pytest.raises(TelemetryError, match=f"Python '{python}' is not supported"):
        make(tmp_path / "dist", airflow=AIRFLOW, target=Target(python))


def test_requirements_have_the_constraints_of_their_airflow() -> None:
    line = '--constraint "https://raw.githubusercontent.com/apache/airflow/constraints-{}/constraints-3.12.txt"'
    for version in (AIRFLOW, "3.2.1"):
        text = requirements(version).decode()
        assert re.findall("^--.*", text, re.MULTILINE) == [line.format(version)]
    assert requirements(AIRFLOW) == (PROJECT / "requirements.txt").read_bytes()


@pytest.mark.parametrize("version", ["3.0.6", "2.10.3", "latest", "3.3"])
def test_an_airflow_without_ui_plugins_is_refused(version: str) -> None:
    with pytest.raises(TelemetryError, match=r"UI plugins need 3\.1 or newer\. Take 3\.3\.1"):
        requirements(version)


def test_plugins_have_the_packages_and_their_data_at_the_root() -> None:
    files = {entry.filename for entry in entries(plugins_zip())}
    assert {".airflowignore", "settings.yaml", "streams/telemetry.yaml", "migrations/0001_ledger.sql"} <= files
    assert {
        "state_machines/telemetry_etl.asl.json",
        "telemetry/paths.py",
        "telemetry_airflow/operators/etl.py",
    } <= files
    assert not [file for file in files if file.startswith(LEFT_OUT) or "__pycache__" in file]


def test_the_startup_script_is_shell() -> None:
    assert shutil.which("bash")
    checked = subprocess.run(["bash", "-n"], input=startup_script(), capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert b"@PARAMETER@" not in startup_script()
