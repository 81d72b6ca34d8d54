"""What runs here runs on MWAA: the locks' pins are those of its image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
MWAA = PROJECT.parent / "shared" / "mwaa" / "constraints-3.3.1-py312.txt"
LOCKS = sorted((PROJECT / "requirements").glob("*.txt"))


def pins(text: str, python: str) -> dict[str, str]:
    """Version by package, of the lines that apply to one Python version on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {
        canonicalize_name(one.name): str(one.specifier)
        for one in found
        if one.marker is None or one.marker.evaluate(environment)
    }


@pytest.mark.parametrize("lock", ["lambda", "dev"])
def test_pins_equal_those_of_mwaa_where_the_two_meet(lock: str) -> None:
    if not MWAA.exists():
        pytest.skip(
            "MWAA's constraints are not beside the project; put them at ../shared/mwaa (requirements/README.md)"
        )
    theirs = pins(MWAA.read_text(), "3.12")
    ours = pins((PROJECT / "requirements" / f"{lock}.txt").read_text(), "3.12")
    meet = ours.keys() & theirs.keys()
    assert {"boto3", "pyarrow", "psycopg2-binary"} <= meet
    assert {name: ours[name] for name in meet} == {name: theirs[name] for name in meet}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_lock_pins_every_requirement_for_every_python(lock: Path, python: str) -> None:
    locked = pins(lock.read_text(), python)
    asked = pins(re.sub(r"\[.*?\]", "", lock.with_suffix(".in").read_text()), python)
    assert asked.keys() <= locked.keys()
    assert all(version.startswith("==") for version in locked.values())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_no_lock_names_an_index(lock: Path) -> None:
    assert not re.search(r"index-url|https?://|file:", lock.read_text())
