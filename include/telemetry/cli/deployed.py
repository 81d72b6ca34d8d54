"""The deployment that a command works on: the one in the environment, else the local stack."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import urlsplit

from telemetry.config.deployment import Deployment
from telemetry.errors import TelemetryError

Service = Literal["emulator", "postgres", "airflow"]

WAREHOUSE: tuple[Service, ...] = ("emulator", "postgres")
"""What a command needs to query the database: the emulator keeps the secret with the database's address."""
EVERYTHING: tuple[Service, ...] = (*WAREHOUSE, "airflow")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
START_HINT = "Start it with `telemetry up`."
REFRESH_HINT = 'Run `eval "$(telemetry env)"` again.'


def use_deployment(needed: Iterable[Service] = WAREHOUSE) -> Deployment:
    """The deployment in the environment. Without ``TELEMETRY_RAW_BUCKET``, first set that of the local stack.

    Variables that only this project reads are kept if they are set, such as the address of another MQTT broker.

    Raises:
        TelemetryError: there is no stack, a service that is ``needed`` is not running, or the environment belongs to
            another stack than the one that is running here.
    """
    if os.environ.get("TELEMETRY_RAW_BUCKET"):
        _refuse_another_stack(os.environ.get("AWS_ENDPOINT_URL", ""))
    else:
        own = {name: value for name, value in os.environ.items() if name.startswith("TELEMETRY_")}
        environment = local_environment(needed)
        os.environ.pop("AWS_PROFILE", None)
        os.environ.update(environment | own)
    return Deployment.from_environment()


def local_environment(needed: Iterable[Service] = EVERYTHING) -> dict[str, str]:
    """The environment of the local stack.

    Raises:
        TelemetryError: there is no stack, or a service that is ``needed`` is not running.
    """
    from telemetry.local import stack

    try:
        environment = stack.environment()
    except TelemetryError as error:
        raise TelemetryError(f"The stack is not running. {error.message}", START_HINT) from error
    listening = {service: _listens(port) for service, port in _ports(environment).items()}
    if not any(listening.values()):
        raise TelemetryError("The stack is not running.", START_HINT)
    if stopped := [service for service in needed if not listening[service]]:
        raise TelemetryError(f"Part of the stack is not running: {', '.join(stopped)}.", START_HINT)
    return environment


def is_local() -> bool:
    """Whether commands use the local stack."""
    return not os.environ.get("TELEMETRY_RAW_BUCKET") or "AWS_ENDPOINT_URL" in os.environ


def _refuse_another_stack(endpoint: str) -> None:
    """A shell may still have the environment of a stack that `telemetry reset` and `telemetry up` have replaced.

    Raises:
        TelemetryError: a stack is running here, but the environment names the emulator of another one.
    """
    if urlsplit(endpoint).hostname not in LOOPBACK:
        return
    try:
        here = local_environment(["emulator"])["AWS_ENDPOINT_URL"]
    except TelemetryError:
        return
    if urlsplit(here).port != urlsplit(endpoint).port:
        raise TelemetryError(
            f"The environment belongs to another stack: AWS_ENDPOINT_URL is {endpoint}, the local stack has {here}.",
            REFRESH_HINT,
        )


def _ports(environment: Mapping[str, str]) -> dict[Service, int]:
    return {
        "emulator": urlsplit(environment["AWS_ENDPOINT_URL"]).port or 0,
        "postgres": int(environment["PGPORT"]),
        "airflow": urlsplit(environment["TELEMETRY_AIRFLOW_URL"]).port or 0,
    }


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
