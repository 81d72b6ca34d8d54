"""The promises that ``make breaks`` breaks are still written as it knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.break_list import BREAKS, Edit

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("edit", [edit for one in BREAKS for edit in one.edits], ids=lambda edit: edit.file)
def test_every_break_finds_the_code_that_it_edits(edit: Edit) -> None:
    assert edit.old in (PROJECT / edit.file).read_text()
