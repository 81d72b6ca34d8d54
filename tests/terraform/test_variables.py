"""Wrong variables end in a message that says what to write instead. That each is refused, Terraform's own tests see."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from terraform.tool import Terraform

# By the name of a run: the variables, and what is said of them.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "retention": ({"log_retention_days": -1}, r"CloudWatch keeps logs for 1, 3, 5, 7, .* days\. Choose one of these\."),
    "composition": ({"composition": "medium"}, r"composition: choose minimal or production\."),
    "airflow": (
        {"airflow_version": "3.2.1", "composition": "production"},
        r"airflow_version: the package is for Airflow 3\.3\.1\. Run `make package PACKAGE=\"--airflow 3\.2\.1\"`",
    ),
    "artefacts": ({"artefacts_folder": "nowhere"}, r"there is no package in nowhere.* Run `make package`"),
    "old_artefacts": ({"artefacts_folder": "old"}, r"there is no package in old, or only part of one\. Run `make pack"),
    "database": ({"create_warehouse": False}, r"database_secret_arn: name it where create_warehouse is false"),
}

STREAM = "streams/telemetry.yaml"

# By the name of a run: what happens to include/ after it was packaged.
CHANGES: dict[str, Callable[[Path], object]] = {
    "a_stream_changed": lambda include: _append(include / STREAM),
    "a_stream_more": lambda include: shutil.copy(include / STREAM, include / "streams" / "soil.yaml"),
    "a_stream_less": lambda include: (include / STREAM).unlink(),
    "another_name": lambda include: (include / STREAM).rename(include / "streams" / "soil.yaml"),
    "a_setting_changed": lambda include: _append(include / "settings.yaml"),
}
STALE = r"is stale: settings\.yaml or a stream's file in \.\./{name} has changed since\. Run `make package`, then"
WRONG |= {name: ({"include_folder": f"../{name}"}, STALE.format(name=name)) for name in CHANGES}


@pytest.fixture(scope="module")
def said(spoilt: Terraform) -> dict[str, str]:
    """What Terraform says of each, with a provider that is none."""
    for name, change in CHANGES.items():
        change(shutil.copytree(spoilt.folder / "include", spoilt.folder / name))
    shutil.copytree(spoilt.root / "tests" / "artefacts", spoilt.root / "old")
    (spoilt.root / "old" / "streams.json").unlink()
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


def _append(path: Path) -> None:
    with path.open("a") as file:
        file.write("# a word more\n")


def _run(name: str, variables: dict[str, Any]) -> str:
    given = {"artefacts_folder": "tests/artefacts", **variables}
    lines = "\n".join(f"    {key} = {json.dumps(value)}" for key, value in given.items())
    return f'run "{name}" {{\n  command = plan\n  variables {{\n{lines}\n  }}\n}}\n'


@pytest.mark.parametrize("name", WRONG)
def test_the_message_names_the_fix(said: dict[str, str], name: str) -> None:
    assert re.search(WRONG[name][1], " ".join(said[name].split())), said[name]
