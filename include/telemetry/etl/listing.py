"""The objects in the raw bucket, and which of them the ledger lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from telemetry.etl.manifest import RawObject
from telemetry.interval import Lane
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import loaded_keys


def list_objects(
    connection: Connection, s3: Any, bucket: str, prefixes: Iterable[tuple[Lane, str]]
) -> Iterator[tuple[RawObject, bool]]:
    """Every object below the prefixes, and whether the ledger has it. A page of S3's is held at a time."""
    pages = s3.get_paginator("list_objects_v2")
    for lane, prefix in prefixes:
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            found = [entry for entry in page.get("Contents", []) if not entry["Key"].endswith("/")]
            loaded = loaded_keys(connection, bucket, [entry["Key"] for entry in found])
            for entry in found:
                item = RawObject(
                    bucket=bucket,
                    key=entry["Key"],
                    etag=entry["ETag"].strip('"'),
                    bytes=entry["Size"],
                    lane=lane.value,
                )
                yield item, entry["Key"] in loaded
