"""The image and the compose file for teams that run Airflow themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from telemetry.packaging.mwaa import AIRFLOW, PROJECT

DOCKERFILE = PROJECT / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")
AIRFLOW_SERVICES = ["api-server", "dag-processor", "init", "scheduler", "triggerer"]


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    document: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
    return dict(document["services"])


def test_hadolint_finds_nothing() -> None:
    checked = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_image_is_airflows_of_mwaas_version_and_does_not_run_as_root() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    assert f"FROM apache/airflow:{AIRFLOW}-python3.12" in lines
    assert lines[-1] == "USER 50000"


def test_copied_files_exist_and_are_not_ignored() -> None:
    copied = re.findall(r"^COPY --chmod=755 (\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    let_in = re.findall(r"^!(\S+)", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(let_in)
    assert all((PROJECT / name).exists() for name in copied)


def test_airflow_is_four_services_of_one_image(services: dict[str, dict[str, Any]]) -> None:
    assert sorted(services) == sorted([*AIRFLOW_SERVICES, "postgres"])
    assert {services[name]["image"] for name in AIRFLOW_SERVICES} == {f"telemetry-airflow:{AIRFLOW}"}
    commands = {name: services[name]["command"] for name in AIRFLOW_SERVICES if name != "init"}
    assert commands == {name: name for name in commands}


def test_every_port_is_on_loopback(services: dict[str, dict[str, Any]]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8080:8080"]


def test_every_secret_comes_from_outside(services: dict[str, dict[str, Any]]) -> None:
    secrets = {
        f"{service}.{name}": value
        for service, definition in services.items()
        for name, value in definition["environment"].items()
        if re.search("PASSWORD|SECRET|KEY|CONN|TOKEN", name)
    }
    assert {name.partition(".")[0] for name in secrets} == set(services)
    assert [name for name, value in secrets.items() if value and not re.search(r"\$\{\w+:\?[^}]+\}", value)] == []


def test_no_service_gains_privileges(services: dict[str, dict[str, Any]]) -> None:
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in services.values())
    assert all(services[name]["cap_drop"] == ["ALL"] for name in AIRFLOW_SERVICES)
