"""Fixtures that every folder of tests shares: the whole stack, or a PostgreSQL and an emulator of the tests' own."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from emulated import REGION, Emulator
from stack import Stack
from telemetry.contracts.loader import load_streams
from telemetry.local.host.state import State
from telemetry.local.services import postgres_files as postgres_files
from telemetry.local.services.postgres import Login, Postgres
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.migrate import migrate

SECRET = "telemetry/warehouse"
TESTS = Path(__file__).parent
LONGEST_FIRST = ["stack", "faults", "integration", "terraform", "integration/emulator"]

# No test is about its own duration; and examples share a fixture where a test asks for one.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares services stays in one process: all that needs the stack, and else the tests of a folder.

    The longest come first (`--no-loadscope-reorder` keeps it so), lest one process end long after the other.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    place = {group: number for number, group in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(_group(item), len(place)))


def _group(item: pytest.Item) -> str:
    if "stack" in getattr(item, "fixturenames", ()):
        return "stack"
    return item.path.parent.relative_to(TESTS).as_posix()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, started once for all tests that need it."""
    started = Stack.copy(tmp_path_factory.mktemp("stack"))
    try:
        started.up()
        yield started
    finally:
        started.run("reset", "--yes")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole session, in a folder that every user can reach."""
    state = State(Path(tempfile.mkdtemp(prefix="telemetry-test-")))
    server = Postgres(state)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        postgres_files.remove(state)
        shutil.rmtree(state.folder)


@pytest.fixture(scope="session")
def database(postgres: Postgres) -> Login:
    """The way to the warehouse."""
    return postgres.login()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator for the whole session."""
    with Emulator(tmp_path_factory.mktemp("emulator") / "data") as emulator:
        yield emulator


@pytest.fixture
def empty_database(database: Login) -> Iterator[Connection]:
    """A connection to a database without a single table."""
    connection = database.connect()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        yield connection
    finally:
        connection.close()


@pytest.fixture
def warehouse(empty_database: Connection) -> Connection:
    """A connection to a database that is up to the contracts, and holds no row."""
    migrate(empty_database, load_streams())
    return empty_database


@pytest.fixture
def aws(cloud: Emulator, database: Login, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Emulator:
    """The emulator, with the environment pointing at it and at buckets of the test's own.

    The state folder is empty: commands refuse an environment that is not that of the stack that runs here.
    """
    monkeypatch.setenv("TELEMETRY_STATE", str(tmp_path / "state"))
    for name in ("TELEMETRY_RAW_BUCKET", "TELEMETRY_PROCESSED_BUCKET"):
        monkeypatch.setenv(name, cloud.bucket())
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("TELEMETRY_DATABASE_SECRET", SECRET)
    login = json.dumps(database.secret())
    secrets = cloud.client("secretsmanager")
    if SECRET in [secret["Name"] for secret in secrets.list_secrets()["SecretList"]]:
        secrets.put_secret_value(SecretId=SECRET, SecretString=login)
    else:
        secrets.create_secret(Name=SECRET, SecretString=login)
    return cloud
