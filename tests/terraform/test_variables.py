"""Wrong variables end in a message that says what to write instead. That each is refused, Terraform's own tests see."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from terraform.tool import Terraform

MISSPELT = "type: duble"

# By the name of a run: the variables, and what is said of them.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "retention": ({"log_retention_days": -1}, r"CloudWatch keeps logs for 1, 3, 5, 7, .* days\. Choose one of these\."),
    "composition": ({"composition": "medium"}, r"composition: choose minimal or production\."),
    "stream": (
        {"include_folder": "../misspelt"},
        r"\.\./misspelt/streams/telemetry\.yaml: fields\.temperature\.type: must be .*double",
    ),
    "airflow": (
        {"airflow_version": "3.0.6", "composition": "production"},
        r"airflow_version: .*no UI plugins.* Choose 3\.3\.1 or 3\.2\.1",
    ),
    "artefacts": ({"artefacts_folder": "nowhere"}, r"there is no artefacts\.json in nowhere\. Run `make package`"),
    "database": ({"create_warehouse": False}, r"database_secret_arn: name it where create_warehouse is false"),
}


@pytest.fixture(scope="module")
def said(spoilt: Terraform) -> dict[str, str]:
    """What Terraform says of each, with a provider that is none."""
    _misspell(spoilt.folder)
    runs = [_run(name, variables) for name, (variables, _) in WRONG.items()]
    mock = 'mock_provider "aws" {\n  source = "./tests/mocks"\n}\n'
    for place, run in enumerate(runs):  # a run that fails ends its file
        (spoilt.root / "tests" / f"wrong{place}.tftest.hcl").write_text(mock + run)
    filters = [f"-filter=tests/wrong{place}.tftest.hcl" for place in range(len(runs))]
    lines = spoilt.run("test", "-json", *filters).stdout.splitlines()
    answers: dict[str, str] = {}
    for line in map(json.loads, lines):
        if line["type"] == "diagnostic" and "@testrun" in line:
            name, found = line["@testrun"], line["diagnostic"]
            answers[name] = f"{answers.get(name, '')} {found['summary']} {found['detail']}"
    return answers


def _misspell(folder: Path) -> None:
    shutil.copytree(folder / "include", folder / "misspelt")
    stream = folder / "misspelt" / "streams" / "telemetry.yaml"
    stream.write_text(stream.read_text().replace("type: double", MISSPELT))


def _run(name: str, variables: dict[str, Any]) -> str:
    given = {"artefacts_folder": "tests/artefacts", **variables}
    lines = "\n".join(f"    {key} = {json.dumps(value)}" for key, value in given.items())
    return f'run "{name}" {{\n  command = plan\n  variables {{\n{lines}\n  }}\n}}\n'


@pytest.mark.parametrize("name", WRONG)
def test_the_message_names_the_fix(said: dict[str, str], name: str) -> None:
    assert re.search(WRONG[name][1], " ".join(said[name].split())), said[name]
