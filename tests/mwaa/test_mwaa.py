"""The package as MWAA takes it: in an environment like that of its image, unpacked, installed and imported."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from telemetry.contracts.loader import load_streams
from telemetry.packaging.mwaa import PROJECT, dag_files, plugins_zip, requirements

VERSIONS = ("3.3.1", "3.2.1")
CONSTRAINTS = Path(os.environ.get("TELEMETRY_MWAA_CONSTRAINTS") or PROJECT.parent / "shared" / "mwaa")
IMAGE = ("amazon[aiobotocore]", "celery", "fab", "postgres", "standard")
"""The providers in MWAA's image (github.com/aws/amazon-mwaa-docker-images, install-required-pip-packages.sh)."""

PROBE = Path(__file__).with_name("probe.py")
DAGS = {f"{stream}_{kind}" for stream in load_streams() for kind in ("hourly", "daily", "queue")} | {"maintenance"}


@dataclass(frozen=True)
class Image:
    """A virtual environment that holds what MWAA's image does, and then what requirements.txt adds."""

    folder: Path
    constraints: Path

    def pip(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            [find_uv_bin(), "pip", *arguments, "--python", self.folder / "bin" / "python"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def packages(self) -> dict[str, str]:
        """Version by name."""
        return {one["name"]: one["version"] for one in json.loads(self.pip("list", "--format", "json"))}

    def probe(self, home: Path) -> dict[str, Any]:
        """What Airflow makes of the folders below ``home``; MWAA puts none of them on Python's path itself."""
        done = subprocess.run(
            [self.folder / "bin" / "python", "-I", PROBE],
            env={"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PATH": "/usr/bin:/bin"},
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def python_312() -> str:
    """MWAA's Python, on PATH or under pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for candidate in ("python3.12", *map(str, pyenv.glob("versions/3.12.*/bin/python"))):
        path = shutil.which(candidate)
        if path and subprocess.run([path, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return path
    pytest.skip("MWAA runs Python 3.12, and there is none: apt install python3.12, or pyenv install 3.12")


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def image(version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    constraints = CONSTRAINTS / f"constraints-{version}-py312.txt"
    if not constraints.exists():
        pytest.skip(
            f"name the folder that holds {constraints.name}, Airflow's constraints-3.12.txt of that version, "
            "in TELEMETRY_MWAA_CONSTRAINTS"
        )
    image = Image(tmp_path_factory.mktemp(f"airflow-{version}"), constraints)
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--clear", "--python", python_312(), image.folder], check=True)
    providers = [f"apache-airflow-providers-{name}" for name in IMAGE]
    image.pip("install", "--constraint", constraints, f"apache-airflow=={version}", *providers)
    yield image
    shutil.rmtree(image.folder)


@pytest.fixture(scope="module")
def added(image: Image, version: str, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The packages that requirements.txt changed or added, its constraints read from the file at hand."""
    text = requirements(version).decode()
    line = f'--constraint "https://raw.githubusercontent.com/apache/airflow/constraints-{version}/constraints-3.12.txt"'
    assert text.count(line) == 1
    local = tmp_path_factory.mktemp("requirements") / "requirements.txt"
    local.write_text(text.replace(line, f"--constraint {image.constraints}"))
    before = image.packages()
    image.pip("install", "--requirements", local)
    return {name for name, found in image.packages().items() if before.get(name) != found}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Airflow's home with the package where MWAA puts it."""
    zipfile.ZipFile(io.BytesIO(plugins_zip())).extractall(tmp_path / "plugins")
    for path, content in dag_files().items():
        (tmp_path / "dags" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "dags" / path).write_bytes(content)
    return tmp_path


def test_only_packages_that_the_image_lacks_are_installed(added: set[str]) -> None:
    assert added == set()


@pytest.mark.usefixtures("added")
def test_every_dag_and_plugin_is_imported_and_nothing_else_is_taken_for_a_plugin(image: Image, home: Path) -> None:
    found = image.probe(home)
    assert set(found["dags"]) == DAGS
    assert found["strays"] == []
    assert found["plugins"] == []
    assert [found[errors] for errors in ("dag_errors", "plugin_errors", "import_errors")] == [{}, {}, {}]


@pytest.mark.parametrize("version", VERSIONS[:1], indirect=True)
@pytest.mark.usefixtures("added")
def test_without_airflowignore_modules_would_be_taken_for_plugins(image: Image, home: Path) -> None:
    """The check above can fail."""
    (home / "plugins" / ".airflowignore").unlink()
    assert image.probe(home)["strays"] != []
