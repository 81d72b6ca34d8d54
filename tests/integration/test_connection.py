"""Connections to the warehouse, as its secret and the environment describe it."""

from __future__ import annotations

import json

import pytest

from emulated import Emulator, unique
from telemetry.errors import TelemetryError
from telemetry.local.services.postgres import Login
from telemetry.warehouse.connection import connect


@pytest.fixture
def managed_secret(aws: Emulator, database: Login) -> str:
    """A secret as RDS keeps it: who, not where."""
    content = {"username": database.user, "password": database.password}
    made = aws.client("secretsmanager").create_secret(Name=unique("rds"), SecretString=json.dumps(content))
    return str(made["ARN"])


def test_the_address_may_come_from_the_environment(
    managed_secret: str, database: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the connection is encrypted then: the local server, which has no certificate, refuses it in these words."""
    monkeypatch.setenv("TELEMETRY_DATABASE_ADDRESS", f"{database.host}:{database.port}/{database.dbname}")
    with pytest.raises(TelemetryError, match="server does not support SSL"), connect(managed_secret):
        pass


@pytest.mark.parametrize("address", ["", "warehouse", "warehouse:port/telemetry", "warehouse:5432"])
def test_a_missing_or_invalid_address_is_an_error(
    managed_secret: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEMETRY_DATABASE_ADDRESS", address)
    with pytest.raises(TelemetryError, match="TELEMETRY_DATABASE_ADDRESS is") as refusal, connect(managed_secret):
        pass
    assert "HOST:PORT/DATABASE" in str(refusal.value.hint)
