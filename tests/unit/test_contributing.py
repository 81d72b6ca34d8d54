"""The map of the code leads somewhere: every path in it exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PATH = re.compile(r"`((?:dags|docs|include|plugins|scripts|terraform|tests)/[\w./-]*)`")


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_path_that_is_named_exists(document: str) -> None:
    paths = PATH.findall((PROJECT / document).read_text(encoding="utf-8"))
    assert paths
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_the_map_answers_twenty_five_questions() -> None:
    rows = re.findall(
        r"^\| .+ \| .*`.+` ?.*\|$", (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) >= 25
