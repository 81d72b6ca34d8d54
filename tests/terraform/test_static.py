"""Terraform's files without an account: format, validity, their own tests, and what checkov finds."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from emulated import PROJECT
from terraform.tool import Terraform

SKIP = re.compile(r"checkov:skip=(?P<check>\w+)(?::(?P<why>.*))?")
FILES = sorted((PROJECT / "terraform").rglob("*.tf"))


def test_files_are_formatted(offline: Terraform) -> None:
    assert offline.must("fmt", "-check", "-recursive", "-diff") == ""


def test_files_are_valid_and_use_nothing_deprecated(offline: Terraform) -> None:
    found = json.loads(offline.must("validate", "-json"))
    assert found["diagnostics"] == []


def test_terraforms_own_tests_pass(offline: Terraform) -> None:
    """Both compositions, and bad variables, with a provider that is none."""
    assert re.search(r"Success! [1-9]\d* passed, 0 failed\.$", offline.must("test").strip())


def test_only_the_aws_provider_is_used(offline: Terraform) -> None:
    required = offline.must("providers")
    named = set(re.findall(r"provider\[(.+?)\]", required))
    assert named <= {"registry.terraform.io/hashicorp/aws", "terraform.io/builtin/terraform"}


def in_its_environment(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where checkov is installed, and nothing else: it pins boto3."""
    requirements = PROJECT / "requirements" / "checkov.txt"
    command = [find_uv_bin(), "run", "--quiet", "--isolated", "--no-project", "--with-requirements", str(requirements)]
    return subprocess.run(
        [*command, *arguments],
        env=os.environ | {"CKV_SKIP_PACKAGE_UPDATE_CHECK": "true", "BC_SKIP_MAPPING": "TRUE"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def checked(offline: Terraform) -> dict[str, Any]:
    """What checkov says of terraform/."""
    there = in_its_environment(offline.root, "python", "-c", "")
    if there.returncode:
        pytest.skip(f"checkov cannot be installed from requirements/checkov.txt: {there.stderr.strip()[-500:]}")
    done = in_its_environment(
        offline.root, "checkov", "-d", ".", "--framework", "terraform", "--compact", "--skip-download", "-o", "json"
    )
    assert done.stdout.startswith("{"), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_checkov_finds_nothing(checked: dict[str, Any]) -> None:
    assert checked["summary"]["passed"] > 100, "so it has looked at the resources"
    assert checked["summary"]["parsing_errors"] == 0
    failed = [
        f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in checked["results"]["failed_checks"]
    ]
    assert failed == []


def test_every_checkov_skip_is_justified_in_place() -> None:
    skips = [(path.name, *found.groups()) for path in FILES for found in SKIP.finditer(path.read_text())]
    assert [skip for skip in skips if len((skip[2] or "").split()) < 4] == []


def test_every_checkov_skip_is_needed(checked: dict[str, Any]) -> None:
    """One whose resource has gone, or passes, is taken away."""
    used = {one["check_id"] for one in checked["results"]["skipped_checks"]}
    written = {found["check"] for path in FILES for found in SKIP.finditer(path.read_text())}
    assert written == used
