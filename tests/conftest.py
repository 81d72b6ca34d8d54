"""Fixtures that every folder of tests shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, started once for all tests that need it."""
    started = Stack.copy(tmp_path_factory.mktemp("stack"))
    try:
        started.up()
        yield started
    finally:
        started.run("reset", "--yes")
