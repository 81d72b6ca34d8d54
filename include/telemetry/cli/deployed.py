"""The deployment that a command works on: the environment's, else the stack of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from telemetry.deployment import Deployment
from telemetry.errors import TelemetryError

UP = "`telemetry up` starts it."


def use_deployment() -> Deployment:
    """Where ``TELEMETRY_RAW_BUCKET`` names no deployment, take the local stack's environment for this process's.

    Of the variables that only this project reads, those that are set are kept: an MQTT broker of one's own, say.

    Raises:
        TelemetryError: there is no stack, or it does not run.
    """
    if not os.environ.get("TELEMETRY_RAW_BUCKET"):
        own = {name: value for name, value in os.environ.items() if name.startswith("TELEMETRY_")}
        environment = local_environment()
        os.environ.pop("AWS_PROFILE", None)
        os.environ.update(environment | own)
    return Deployment.from_environment()


def local_environment() -> dict[str, str]:
    """The running stack's environment.

    Raises:
        TelemetryError: there is no stack, or a part of it does not run.
    """
    from telemetry.local import stack

    try:
        environment = stack.environment()
    except TelemetryError as error:
        raise TelemetryError(f"The stack is not running. {error.message}", UP) from error
    dead = [name for name, port in _ports(environment).items() if not _listens(port)]
    if len(dead) == len(_ports(environment)):
        raise TelemetryError("The stack is not running.", UP)
    if dead:
        raise TelemetryError(f"A part of the stack is not running: {', '.join(dead)}.", UP)
    return environment


def is_local() -> bool:
    """Whether commands work on the stack of this machine."""
    return not os.environ.get("TELEMETRY_RAW_BUCKET") or "AWS_ENDPOINT_URL" in os.environ


def _ports(environment: Mapping[str, str]) -> dict[str, int]:
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
