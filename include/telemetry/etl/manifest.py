"""What a load is to take: references to raw objects, as JSON Lines in S3."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypedDict

from telemetry.lake.layout import MANIFESTS
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.load_objects import KEYS_AT_ONCE, objects_not_loaded

HELD_MAX = 2**20


class Manifest(TypedDict):
    """The bucket and key of a manifest."""

    bucket: str
    key: str


def manifest_key(stream: str, execution_name: str) -> str:
    return f"{MANIFESTS}/{stream}/{execution_name}.jsonl"


def write_manifest(s3: Any, manifest: Manifest, objects: Iterable[RawObject]) -> int:
    """Write the references, in bounded memory, and return how many they are."""
    number = 0
    with tempfile.SpooledTemporaryFile(max_size=HELD_MAX) as file:
        for raw_object in objects:
            file.write(json.dumps(raw_object.document()).encode() + b"\n")
            number += 1
        file.seek(0)
        s3.put_object(Bucket=manifest["bucket"], Key=manifest["key"], Body=file, ContentType="application/jsonl")
    return number


def read_manifest(s3: Any, manifest: Manifest) -> Iterator[RawObject]:
    """The references, in order."""
    body = s3.get_object(Bucket=manifest["bucket"], Key=manifest["key"])["Body"]
    for line in body.iter_lines():
        yield RawObject.from_document(json.loads(line))


def missing_objects(connection: Connection, s3: Any, manifest: Manifest) -> tuple[int, str]:
    """The number of a manifest's objects that the ledger lacks, and the key of the first."""
    missing, first = 0, ""
    objects = read_manifest(s3, manifest)
    while some := list(islice(objects, KEYS_AT_ONCE)):
        for raw_object in objects_not_loaded(connection, some):
            missing += 1
            first = first or raw_object.key
    return missing, first
