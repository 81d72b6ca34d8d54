"""DataLoadingFunction loads a batch of transformed objects into the warehouse."""

from __future__ import annotations

from typing import Any

from telemetry.aws.clients import client
from telemetry.config.deployment import Deployment
from telemetry.contracts.loader import find_stream
from telemetry.etl.load import Loader
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import connect


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Load one object after the other, each in a transaction of its own."""
    deployment = Deployment.from_environment()
    stream = find_stream(event["stream"])
    with connect(deployment.database_secret, application_name="DataLoading") as connection:
        loader = Loader(connection, client("s3"), stream, deployment.processed_bucket, event["load_id"])
        loader.load(map(RawObject.from_document, event["objects"]))
    return {}
