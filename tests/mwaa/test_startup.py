"""The startup script, sourced as MWAA's image does it, with a real SSM parameter on the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulated import REGION, Emulator
from telemetry.config.settings import load_settings
from telemetry.packaging.mwaa import startup_script

PARAMETER = f"/{load_settings().names.prefix}/telemetry/environment"
ENVIRONMENT = {"TELEMETRY_RAW_BUCKET": "iot-raw-lake", "TELEMETRY_DATABASE_ADDRESS": "db.example:5432/warehouse"}

# Who ends by `exit` leaves the environment behind; who ends otherwise leaves none, and MWAA raises an exception
# (github.com/aws/amazon-mwaa-docker-images, execute-user-startup-script and setup_environment.py).
AS_MWAA = """
leave() { "$PYTHON" -c 'import json, os; print(json.dumps(dict(os.environ)))' > environment.json; unalias exit; exit; }
shopt -s expand_aliases
alias exit=leave
source ./startup.sh
leave
"""


@dataclass(frozen=True)
class Container:
    """A container of MWAA, at its start."""

    folder: Path
    emulator: Emulator

    def start(self, value: str | None, component: str = "worker") -> tuple[dict[str, str] | None, str]:
        """The environment that the script left, if any, and what it said; ``value`` is the parameter's."""
        ssm = self.emulator.client("ssm")
        if value is None:
            ssm.delete_parameters(Names=[PARAMETER])
        else:
            ssm.put_parameter(Name=PARAMETER, Value=value, Type="String", Overwrite=True)
        (self.folder / "startup.sh").write_bytes(startup_script())
        left = self.folder / "environment.json"
        left.unlink(missing_ok=True)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "MWAA_AIRFLOW_COMPONENT": component,
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        done = subprocess.run(
            ["bash", "-c", AS_MWAA], env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        return json.loads(left.read_text()) if left.exists() else None, done.stderr


@pytest.fixture(scope="module")
def container(cloud: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    yield Container(tmp_path_factory.mktemp("container"), cloud)
    cloud.client("ssm").delete_parameters(Names=[PARAMETER])


def test_every_variable_is_exported_and_named_in_the_log(container: Container) -> None:
    found, said = container.start(json.dumps(ENVIRONMENT))
    assert found is not None
    assert {name: found.get(name) for name in ENVIRONMENT} == ENVIRONMENT
    assert said == f"startup.sh: {', '.join(ENVIRONMENT)} from the SSM parameter {PARAMETER}.\n"
    assert "telemetry_exports" not in found


def test_the_web_server_starts_without_the_environment_if_it_must(container: Container) -> None:
    found, said = container.start(None, component="webserver")
    assert found is not None
    assert not found.keys() & ENVIRONMENT.keys()
    assert "cannot be read" in said
    found, _ = container.start(json.dumps(ENVIRONMENT), component="webserver")
    assert found is not None
    assert found.keys() >= ENVIRONMENT.keys()


@settings(max_examples=4)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), min_size=5, max_size=40))
def test_a_value_is_never_executed(container: Container, values: list[str]) -> None:
    wanted = {
        f"VALUE_{number}": value for number, value in enumerate([*values, "$(touch pwned)", "`id`", "'; exit 0 #"])
    }
    found, _ = container.start(json.dumps(wanted))
    assert found is not None
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "cannot be read"),
        ("TELEMETRY_RAW_BUCKET=raw", "is not a JSON object of strings"),
        ('[["TELEMETRY_RAW_BUCKET", "raw"]]', "is not a JSON object of strings"),
        ('{"TELEMETRY_RAW_BUCKET": 1}', "is not a JSON object of strings"),
        ('{"A; touch pwned": "raw"}', "holds 'A; touch pwned', which is no name of a variable"),
    ],
)
def test_without_an_environment_mwaa_does_not_start(container: Container, value: str | None, why: str) -> None:
    found, said = container.start(value)
    assert found is None
    assert len(said.splitlines()) == 1
    assert said.startswith(f"startup.sh: the SSM parameter {PARAMETER}")
    assert why in said
    assert not (container.folder / "pwned").exists()
