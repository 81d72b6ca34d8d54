"""DataTransformationFunction turns a batch of raw objects into Parquet files."""

from __future__ import annotations

from typing import Any

from telemetry.aws.clients import client
from telemetry.config.deployment import Deployment
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.etl.transform import Transformer
from telemetry.lake.raw_object import RawObject


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Transform one object after the other; the batch goes on to DataLoadingFunction."""
    load = event["BatchInput"]
    bucket = Deployment.from_environment().processed_bucket
    transformer = Transformer(client("s3"), find_stream(load["stream"]), bucket, load_settings().transform)
    objects = map(RawObject.from_document, event["Items"])
    return {**load, "objects": [transformer.transform(raw_object).document() for raw_object in objects]}
