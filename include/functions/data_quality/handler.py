"""DataQualityFunction closes a day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from telemetry.closing.day import close_day
from telemetry.config.deployment import Deployment
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.warehouse.connection import connect


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Close the day ``day`` of the stream ``stream``; the answer is what was found."""
    stream, day = find_stream(event["stream"]), date.fromisoformat(event["day"])
    deployment, settings = Deployment.from_environment(), load_settings()
    limit = settings.functions.data_quality.timeout_seconds
    with connect(
        deployment.database_secret, application_name="DataQuality", statement_timeout_seconds=limit
    ) as connection:
        return close_day(connection, stream, day, deployment, settings, datetime.now(UTC)).document()
