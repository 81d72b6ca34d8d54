"""A case of the fault suite: what was done, what was promised, what was seen.

A test is a case when it carries ``fault(...)`` and uses the fixture ``case``::

    @fault("load-killed-before-commit", done="SIGKILL of DataLoading before COMMIT", promised="its retry loads it once")
    def test_a_loader_killed_before_its_commit(case: Case, …) -> None:
        …
        case.saw("57 loaded by the second attempt", unaccounted=0, twice=0)

Many cases in one test: ``parametrize("step", [pytest.param(step, marks=fault(…), id=…) for step in STEPS])``.
The id is unique over the whole folder, in kebab case: the matrix is sorted by file, then as the tests ran. ``saw`` is
called once, last of all, so that a case which did not come to its end has nothing in that column.

``make faults`` prints the matrix; ``--matrix FILE`` writes it as Markdown, too. Works under xdist: what a case saw
travels in its report's ``user_properties``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import pytest

PROPERTY = "fault"
MARKER = f"{PROPERTY}(id, done, promised, long): a case of the fault suite's matrix"


@dataclass
class Case:
    """One case. ``unaccounted`` and ``twice`` are messages that were lost, and readings stored more than once."""

    id: str
    done: str
    promised: str
    seen: str = ""
    unaccounted: int | None = None
    twice: int | None = None

    def saw(self, what: str, *, unaccounted: int = 0, twice: int = 0) -> None:
        """Record what was seen; fails the test where a message is unaccounted for, or a reading is there twice."""
        self.seen, self.unaccounted, self.twice = what, unaccounted, twice
        assert (unaccounted, twice) == (0, 0), f"{self.id}: {unaccounted} unaccounted, {twice} twice"


def fault(id: str, *, done: str, promised: str, long: bool = False) -> pytest.MarkDecorator:
    """The mark that makes a test a case; a ``long`` one is run by ``--all-faults`` (``make faults``) only."""
    return getattr(pytest.mark, PROPERTY)(id=id, done=done, promised=promised, long=long)  # type: ignore[no-any-return]


def case_of(node: pytest.Item) -> Case | None:
    """The case that a test is; the same object each time."""
    marker = node.get_closest_marker(PROPERTY)
    if marker is None:
        return None
    given = {name: value for name, value in marker.kwargs.items() if name != "long"}
    found: Case = node.stash.setdefault(_CASE, Case(**given))
    return found


def is_long(node: pytest.Item) -> bool:
    """Whether it is left out unless all cases are asked for."""
    marker = node.get_closest_marker(PROPERTY)
    return bool(marker and marker.kwargs.get("long"))


_CASE = pytest.StashKey[Case]()


def attach(report: pytest.TestReport, case: Case) -> None:
    """Give the report of a test's phase what is known of its case by then."""
    report.user_properties.append((PROPERTY, json.dumps(asdict(case))))


CUT_OFF = "cut off"
"""The outcome of a case that did not come to its end: its test was interrupted, or never said what it saw."""


@dataclass
class Row:
    """A case's line in the matrix: of its test's reports the last, and the worst outcome."""

    case: Case
    file: str
    outcome: str
    seconds: float


def rows(reports: Iterable[Any]) -> list[Row]:
    """The matrix of the reports of all phases, in the order of files and then of ids as they were run."""
    found: dict[str, Row] = {}
    for report in reports:
        for name, text in getattr(report, "user_properties", ()):
            if name != PROPERTY:
                continue
            case = Case(**json.loads(text))
            row = found.setdefault(report.nodeid, Row(case, report.location[0], CUT_OFF, 0.0))
            row.seconds += report.duration
            row.case = max(row.case, case, key=lambda known: len(known.seen))
            if report.outcome != "passed":
                row.outcome = report.outcome
            elif report.when == "call" and case.seen and row.outcome == CUT_OFF:
                row.outcome = "passed"
    return sorted(found.values(), key=lambda row: row.file)


def summary(matrix: list[Row]) -> str:
    """One line about all of it."""
    passed = sum(row.outcome == "passed" for row in matrix)
    unaccounted = sum(abs(row.case.unaccounted or 0) for row in matrix)
    twice = sum(row.case.twice or 0 for row in matrix)
    return f"{passed} of {len(matrix)} cases passed, {unaccounted} messages unaccounted, {twice} readings twice"


def as_text(matrix: list[Row]) -> list[str]:
    """The matrix for a terminal: a case takes four lines."""
    lines = []
    for row in matrix:
        seen = row.case.seen or f"({row.outcome} before its end)"
        lines += [
            f"{row.outcome.upper():7} {row.case.id} ({row.seconds:.1f} s)",
            f"    done      {row.case.done}",
            f"    promised  {row.case.promised}",
            f"    seen      {seen}",
        ]
    return [*lines, summary(matrix)]


def as_markdown(matrix: list[Row]) -> str:
    """The matrix as one table."""
    header = (
        "| | Case | Done | Promised | Seen | Unaccounted | Twice |\n| --- | --- | --- | --- | --- | ---: | ---: |\n"
    )
    lines = [
        "| "
        + " | ".join(
            _cell(text)
            for text in (
                "✓" if row.outcome == "passed" else row.outcome,
                f"`{row.case.id}`",
                row.case.done,
                row.case.promised,
                row.case.seen,
                "" if row.case.unaccounted is None else str(row.case.unaccounted),
                "" if row.case.twice is None else str(row.case.twice),
            )
        )
        + " |\n"
        for row in matrix
    ]
    return f"{summary(matrix)}.\n\n{header}{''.join(lines)}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
