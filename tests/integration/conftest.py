"""A warehouse and an AWS of the tests' own: a real PostgreSQL and the emulator."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulated import REGION, Emulator
from telemetry.contracts.load import load_streams
from telemetry.local import postgres_place
from telemetry.local.postgres import Login, Postgres
from telemetry.local.state import State
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.migrate import migrate

SECRET = "telemetry/warehouse"


@pytest.fixture(scope="session")
def database() -> Iterator[Login]:
    """A PostgreSQL server for the whole session, in a folder that every user can reach."""
    state = State(Path(tempfile.mkdtemp(prefix="telemetry-test-")))
    server = Postgres(state)
    try:
        server.start()
        yield server.login()
    finally:
        server.stop()
        postgres_place.remove(state)
        shutil.rmtree(state.folder)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator for the whole session."""
    emulator = Emulator(tmp_path_factory.mktemp("emulator") / "data")
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()


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
def aws(cloud: Emulator, database: Login, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator, with the environment pointing at it and at buckets of the test's own."""
    for name in ("TELEMETRY_RAW_BUCKET", "TELEMETRY_PROCESSED_BUCKET"):
        monkeypatch.setenv(name, cloud.bucket())
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("TELEMETRY_DATABASE_SECRET", SECRET)
    login = {
        "host": database.host,
        "port": database.port,
        "dbname": database.dbname,
        "username": database.user,
        "password": database.password,
    }
    secrets = cloud.client("secretsmanager")
    if SECRET in [secret["Name"] for secret in secrets.list_secrets()["SecretList"]]:
        secrets.put_secret_value(SecretId=SECRET, SecretString=json.dumps(login))
    else:
        secrets.create_secret(Name=SECRET, SecretString=json.dumps(login))
    return cloud
