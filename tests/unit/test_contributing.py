"""The documents lead somewhere: every path and link in them exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\((?!\w+:)([^)#]+)")
ROW = re.compile(r"^\| (?P<question>[^|]+) \| (?P<answer>[^|]+) \|$", re.MULTILINE)
MAP = re.compile(r"^\| to change \| look in \|\n\| --- \| --- \|\n((?:\|.*\n)+)", re.MULTILINE)

FOLDERS = ("dags/", "docs/", "include/", "plugins/", "requirements/", "scripts/", "terraform/", "tests/")
GENERATED = ("dist/", ".venv", ".telemetry/")
"""What the project makes and does not hold."""
SUFFIXES = (".py", ".yaml", ".yml", ".md", ".tf", ".hcl", ".sql", ".toml", ".txt", ".in", ".sh", ".ipynb", ".asl.json")
DOCUMENTS = sorted({*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("requirements/*.md")})


def paths(text: str) -> list[str]:
    """The words of code spans that are paths of the repository; of ``include/streams/<stream>.yaml`` the folder."""
    words = [word for span in CODE.findall(FENCE.sub("", text)) for word in span.split()]
    return [
        word.partition("<")[0]
        for word in words
        if not word.startswith(GENERATED) and (word.startswith(FOLDERS) or is_file(word))
    ]


def is_file(word: str) -> bool:
    """Whether a word names a file by its suffix. A suffix alone, or a pattern, names none."""
    return word.endswith(SUFFIXES) and not word.startswith((".", "*"))


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_path_exists(document: str) -> None:
    found = paths((PROJECT / document).read_text(encoding="utf-8"))
    assert found
    assert [path for path in found if not (PROJECT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    links = LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8")))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_map_answers_25_questions_with_paths() -> None:
    table = MAP.search((PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert table
    rows = ROW.findall(table[1])
    assert len(rows) == len(table[1].splitlines()), "every line of the table is a row of two cells"
    assert len({question for question, _ in rows}) >= 25
    assert [question for question, answer in rows if not paths(answer)] == []
