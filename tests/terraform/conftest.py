"""Terraform, where it can be run; a test that needs it is skipped elsewhere, and says how to get it.

Applying is a minute and a half of waiting, for the pauses that the provider makes on AWS's behalf. So it begins before
the first test of this folder, in a thread, and the tests that need it come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from emulated import Emulator
from telemetry.local.provision.functions import emulator_python
from telemetry.local.services.postgres import Login
from terraform.applied import Applied
from terraform.planned import Plans, plan_every_part
from terraform.tool import Terraform, TerraformMissingError

HERE = "tests/terraform/"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of this folder's tests, those that wait for the apply come last; all others stay where they are."""
    ours = [place for place, item in enumerate(items) if item.nodeid.startswith(HERE)]
    ordered = sorted((items[place] for place in ours), key=lambda item: "applied" in _fixtures(item))
    for place, item in zip(ours, ordered, strict=True):
        items[place] = item


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


def working_copy(folder: Path) -> Terraform:
    """One that knows no account, real or emulated."""
    try:
        terraform = Terraform.copy(folder)
        terraform.initialise()
    except TerraformMissingError as missing:
        pytest.skip(str(missing))
    return terraform


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """A working copy, as the project is."""
    return working_copy(tmp_path_factory.mktemp("offline"))


@pytest.fixture(scope="session")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """A working copy, to be spoilt."""
    return working_copy(tmp_path_factory.mktemp("spoilt"))


@pytest.fixture(scope="session")
def plans(spoilt: Terraform) -> Plans:
    """Both compositions with all their parts, planned."""
    return plan_every_part(spoilt)


@pytest.fixture(scope="session")
def python() -> str:
    """The Python version that functions run on."""
    return emulator_python()


@pytest.fixture(scope="session")
def applying(tmp_path_factory: pytest.TempPathFactory, database: Login, python: str) -> Iterator[Future[Applied]]:
    """The whole system on its way into an emulator of its own."""
    folder = tmp_path_factory.mktemp("applied")
    with Emulator(folder / "emulator") as emulator, ThreadPoolExecutor(1) as pool:
        yield pool.submit(Applied.new, emulator, folder / "work", database, python)


@pytest.fixture(scope="session", autouse=True)
def _apply_ahead(request: pytest.FixtureRequest) -> None:
    if any("applied" in _fixtures(item) for item in request.session.items):
        request.getfixturevalue("applying")


@pytest.fixture(scope="session")
def applied(applying: Future[Applied]) -> Applied:
    """The whole system, applied. The last test destroys it; what it was like is kept."""
    try:
        return applying.result()
    except TerraformMissingError as missing:
        pytest.skip(str(missing))
