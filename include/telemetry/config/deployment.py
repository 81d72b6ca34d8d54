"""The names of this process's deployment, local or on AWS, from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from telemetry.errors import TelemetryError


@dataclass(frozen=True)
class Deployment:
    """The names that differ between deployments; all others follow from the settings and the contracts."""

    raw_bucket: str
    processed_bucket: str
    database_secret: str
    state_machine_arn: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Deployment:
        """Read ``TELEMETRY_RAW_BUCKET``, ``TELEMETRY_PROCESSED_BUCKET``, ``TELEMETRY_DATABASE_SECRET`` and, if set,
        ``TELEMETRY_STATE_MACHINE_ARN``.

        Raises:
            TelemetryError: one of the first three is not set or empty.
        """
        return cls(
            raw_bucket=_required(environment, "TELEMETRY_RAW_BUCKET"),
            processed_bucket=_required(environment, "TELEMETRY_PROCESSED_BUCKET"),
            database_secret=_required(environment, "TELEMETRY_DATABASE_SECRET"),
            state_machine_arn=environment.get("TELEMETRY_STATE_MACHINE_ARN", ""),
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise TelemetryError(f"{name} is not set.", 'On one machine: `telemetry up`, then `eval "$(telemetry env)"`.')
    return environment[name]
