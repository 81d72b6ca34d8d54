"""DataExtractionFunction lists the objects that the ledger lacks."""

from __future__ import annotations

from typing import Any

from telemetry.aws.clients import client
from telemetry.config.deployment import Deployment
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.etl.extract import Extracted, Extraction
from telemetry.etl.request import parse_request
from telemetry.warehouse.connection import connect

RESERVE_MILLISECONDS = 60_000
"""Kept for writing the last queue object, deleting its messages, and the manifest."""


def handler(event: dict[str, Any], context: Any) -> Extracted:
    """Open the execution's load, and write its manifest."""
    request = parse_request(event)
    find_stream(request.stream)
    deployment = Deployment.from_environment()
    with connect(deployment.database_secret, application_name="DataExtraction") as connection:
        extraction = Extraction(
            connection=connection,
            s3=client("s3"),
            sqs=client("sqs"),
            deployment=deployment,
            settings=load_settings(),
            out_of_time=lambda: context.get_remaining_time_in_millis() < RESERVE_MILLISECONDS,
        )
        return extraction.run(request, request.load(connection).load_id)
