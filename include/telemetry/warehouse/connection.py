"""Connections to the warehouse."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.extensions

from telemetry.aws.clients import client
from telemetry.errors import TelemetryError

Connection = psycopg2.extensions.connection
Cursor = psycopg2.extensions.cursor

ADDRESS = "TELEMETRY_DATABASE_ADDRESS"
_ADDRESS = re.compile(r"(?P<host>[^:/\s]+):(?P<port>\d+)/(?P<dbname>[^:/\s]+)")

# The server gives up on a client that has gone or is frozen, so that the locks of a dead loader are soon free.
SESSION = {
    "timezone": "UTC",
    "tcp_keepalives_idle": 20,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    "idle_in_transaction_session_timeout": 120_000,
}


@contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """A transaction that commits at the end, or is rolled back on an error; the error is the one that is raised, also
    where the server has gone.
    """
    try:
        with connection.cursor() as cursor:
            yield cursor
        connection.commit()
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise


class DatabaseUnreachableError(TelemetryError):
    """The warehouse does not answer, or takes no more connections. It may by the next attempt."""


@contextmanager
def connect(
    secret_id: str, *, application_name: str = "telemetry", statement_timeout_seconds: float = 0
) -> Iterator[Connection]:
    """A connection as the secret describes it, closed at the end; what was not committed by then is rolled back.

    The secret is JSON: ``username``, ``password``, and ``host``, ``port``, ``dbname`` and, where it is not ``prefer``,
    ``sslmode``. One that RDS keeps and rotates holds a username and a password only (RDS user guide, "Password
    management with Amazon RDS and AWS Secrets Manager"): ``TELEMETRY_DATABASE_ADDRESS`` says the rest, and the
    connection is encrypted. A statement may take ``statement_timeout_seconds``, or 0 for as long as it wants.

    Raises:
        DatabaseUnreachableError: there is no connection to be had.
        TelemetryError: neither the secret nor the environment says where the warehouse is.
    """
    secret = _whole(json.loads(client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"]))
    session = {**SESSION, "statement_timeout": int(statement_timeout_seconds * 1000)}
    try:
        connection = psycopg2.connect(
            host=secret["host"],
            port=secret["port"],
            dbname=secret["dbname"],
            user=secret["username"],
            password=secret["password"],
            sslmode=secret.get("sslmode", "prefer"),
            application_name=application_name,
            client_encoding="UTF8",
            connect_timeout=10,
            keepalives_idle=20,
            keepalives_interval=10,
            keepalives_count=3,
            options=" ".join(f"-c {name}={value}" for name, value in session.items()),
        )
    except psycopg2.OperationalError as error:
        raise DatabaseUnreachableError(
            f"The warehouse at {secret['host']}:{secret['port']} cannot be reached: {str(error).strip()}",
            "Check the local stack with `telemetry status`; start it with `telemetry up`.",
        ) from error
    try:
        yield connection
    finally:
        connection.close()


def _whole(secret: dict[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The secret with the address that it may lack."""
    if "host" in secret:
        return secret
    address = _ADDRESS.fullmatch(environment.get(ADDRESS, ""))
    if address is None:
        raise TelemetryError(
            f"The warehouse's secret has no host, and {ADDRESS} is {environment.get(ADDRESS, '')!r}.",
            f"Set {ADDRESS} to HOST:PORT/DATABASE, as in Terraform's output `environment`.",
        )
    return {"sslmode": "require", **address.groupdict(), **secret}
