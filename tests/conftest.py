"""Fixtures that every folder of tests shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from stack import Stack

# No test is about its own duration.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes at the most: one has the stack, the other all that needs none. So each service starts once."""
    for item in items:
        needs_stack = "stack" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("stack" if needs_stack else "rest"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, started once for all tests that need it."""
    started = Stack.copy(tmp_path_factory.mktemp("stack"))
    try:
        started.up()
        yield started
    finally:
        started.run("reset", "--yes")
