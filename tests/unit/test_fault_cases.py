"""The matrix of the fault suite counts a case as passed only where it came to its end."""

from __future__ import annotations

from typing import Literal

import pytest

from faults.cases import CUT_OFF, Case, attach, rows

Outcome = Literal["passed", "failed", "skipped"]
Phase = tuple[Literal["setup", "call", "teardown"], Outcome, str]
"""A phase of the test, how it ended, and what the case had seen by then."""


def report(phase: Phase) -> pytest.TestReport:
    when, outcome, seen = phase
    made = pytest.TestReport("test_it", ("tests/test_it.py", 1, "test_it"), {}, outcome, None, when, duration=0.5)
    attach(made, Case("it", "done", "promised", seen))
    return made


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [
        ([("setup", "passed", ""), ("call", "passed", "57"), ("teardown", "passed", "57")], "passed"),
        ([("setup", "passed", ""), ("call", "passed", ""), ("teardown", "passed", "")], CUT_OFF),
        ([("setup", "passed", "")], CUT_OFF),
        ([("setup", "passed", ""), ("teardown", "passed", "57")], CUT_OFF),
        ([("setup", "passed", ""), ("call", "failed", "57"), ("teardown", "passed", "57")], "failed"),
        ([("setup", "passed", ""), ("call", "passed", "57"), ("teardown", "failed", "57")], "failed"),
        ([("setup", "failed", ""), ("teardown", "passed", "")], "failed"),
        ([("setup", "skipped", ""), ("teardown", "passed", "")], "skipped"),
    ],
)
def test_a_case_passes_only_at_its_end(phases: list[Phase], outcome: str) -> None:
    reports = [report(phase) for phase in phases]
    for order in (reports, reports[::-1]):  # the terminal has them by outcome, not by phase
        (row,) = rows(order)
        assert (row.outcome, row.seconds) == (outcome, 0.5 * len(phases))
