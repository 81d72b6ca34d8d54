"""LoadRecordingFunction closes a load in the ledger, whether it succeeded or failed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from telemetry.aws.clients import client
from telemetry.aws.executions import reason
from telemetry.config.deployment import Deployment
from telemetry.errors import TelemetryError
from telemetry.etl.manifest import missing_objects
from telemetry.etl.request import parse_request
from telemetry.warehouse.connection import Connection, connect
from telemetry.warehouse.ledger import Load, close_load

REPORTED = ("status", "objects", "rows_read", "loaded", "duplicate", "quarantined")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """``summarise``: the load ended well, unless the ledger lacks an object of its manifest. ``fail``: it did not."""
    actions = {"summarise": _summarise, "fail": _fail}
    with connect(Deployment.from_environment().database_secret, application_name="LoadRecording") as connection:
        load = asdict(actions[event["action"]](connection, event))
    return {name: load[name] for name in REPORTED}


def _summarise(connection: Connection, event: dict[str, Any]) -> Load:
    missing, first = missing_objects(connection, client("s3"), event["manifest"])
    if missing:
        raise TelemetryError(
            f"{missing} objects of the load were not loaded; the first is {first}.",
            "The execution's Map run says why. The next load of the partition loads the missing objects.",
        )
    return close_load(connection, event["load_id"])


def _fail(connection: Connection, event: dict[str, Any]) -> Load:
    """An execution may have failed before it opened its load."""
    load = parse_request(event).load(connection)
    error = event["error"]
    return close_load(connection, load.load_id, error=reason(error.get("Error", ""), error.get("Cause", "")))
