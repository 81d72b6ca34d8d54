"""The matrix of cases, and the world that each case has for itself."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from emulated import Emulator
from faults.cases import MARKER, Case, as_markdown, as_text, attach, case_of, is_long, rows
from faults.harness.world import World, new_world
from telemetry.contracts.loader import load_streams
from telemetry.local.services.postgres import Login
from telemetry.warehouse.migrate import migrate


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults", "the fault suite")
    group.addoption("--all-faults", action="store_true", help="the long cases, too")
    group.addoption(
        "--faults-examples",
        type=int,
        metavar="N",
        help="histories of the state machine, of 20 steps each and other ones each time; without it four short ones",
    )
    group.addoption("--matrix", type=Path, metavar="FILE", help="write the matrix of the fault suite as Markdown")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    # A worker is forked from a process that has proxies' threads; the child has none of them and needs none.
    config.addinivalue_line("filterwarnings", "ignore:This process .* is multi-threaded:DeprecationWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all-faults"):
        left_out = [item for item in items if is_long(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_long(item)]


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    """The case that this test is."""
    found = case_of(request.node)
    assert found, "a test that uses `case` carries `fault(...)`"
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    found = case_of(item)
    if found:
        attach(report, found)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports: Iterable[object] = (report for found in terminalreporter.stats.values() for report in found)
    matrix = rows(reports)
    if matrix:
        terminalreporter.section("the fault suite's matrix")
        terminalreporter.write("\n".join(as_text(matrix)) + "\n")
        target: Path | None = config.getoption("--matrix")
        if target:
            target.write_text(as_markdown(matrix))


@pytest.fixture(scope="session")
def contracts(database: Login) -> None:
    """Whatever the tests before have left: a database that is up to the contracts."""
    with closing(database.connect()) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        migrate(connection, load_streams())


@pytest.fixture
def world(cloud: Emulator, database: Login, contracts: None, tmp_path: Path) -> Iterator[World]:
    """A deployment that the case has for itself."""
    with new_world(cloud, database, tmp_path) as made:
        yield made
