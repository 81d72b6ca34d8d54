"""The deployment that a command works on: the environment's, else the stack of this machine."""

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
"""What a command needs that asks the database: the way there is a secret of the emulator's."""
EVERYTHING: tuple[Service, ...] = (*WAREHOUSE, "airflow")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
UP = "`telemetry up` starts it."
AGAIN = 'Run `eval "$(telemetry env)"` again.'


def use_deployment(needed: Iterable[Service] = WAREHOUSE) -> Deployment:
    """Where ``TELEMETRY_RAW_BUCKET`` names no deployment, take the local stack's environment for this process's.

    Of the variables that only this project reads, those that are set are kept: an MQTT broker of one's own, say.

    Raises:
        TelemetryError: there is no stack, or a service that is ``needed`` does not run; or the environment is that of
            another stack than the one that runs here.
    """
    if os.environ.get("TELEMETRY_RAW_BUCKET"):
        _see_that_it_is_of_this_stack(os.environ.get("AWS_ENDPOINT_URL", ""))
    else:
        own = {name: value for name, value in os.environ.items() if name.startswith("TELEMETRY_")}
        environment = local_environment(needed)
        os.environ.pop("AWS_PROFILE", None)
        os.environ.update(environment | own)
    return Deployment.from_environment()


def local_environment(needed: Iterable[Service] = EVERYTHING) -> dict[str, str]:
    """The stack's environment, where all services that are ``needed`` run.

    Raises:
        TelemetryError: there is no stack, or one of them does not run.
    """
    from telemetry.local import stack

    try:
        environment = stack.environment()
    except TelemetryError as error:
        raise TelemetryError(f"The stack is not running. {error.message}", UP) from error
    listening = {service: _listens(port) for service, port in _ports(environment).items()}
    if not any(listening.values()):
        raise TelemetryError("The stack is not running.", UP)
    if dead := [service for service in needed if not listening[service]]:
        raise TelemetryError(f"A part of the stack is not running: {', '.join(dead)}.", UP)
    return environment


def is_local() -> bool:
    """Whether commands work on the stack of this machine."""
    return not os.environ.get("TELEMETRY_RAW_BUCKET") or "AWS_ENDPOINT_URL" in os.environ


def _see_that_it_is_of_this_stack(endpoint: str) -> None:
    """Variables outlive the stack that they are of: `telemetry reset` and `telemetry up` make another one.

    Raises:
        TelemetryError: a stack runs here, and the environment names the emulator of another one.
    """
    if urlsplit(endpoint).hostname not in LOOPBACK:
        return
    try:
        here = local_environment(["emulator"])["AWS_ENDPOINT_URL"]
    except TelemetryError:
        return
    if urlsplit(here).port != urlsplit(endpoint).port:
        raise TelemetryError(
            f"The environment is that of another stack: AWS_ENDPOINT_URL is {endpoint}, the stack here has {here}.",
            AGAIN,
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
