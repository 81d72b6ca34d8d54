"""What a load is to take: references to raw objects, as JSON Lines in S3."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NotRequired, TypedDict

from telemetry.lake.layout import MANIFESTS
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import KEYS_AT_ONCE, loaded_keys

HELD_MAX = 2**20


class RawObject(TypedDict):
    """A reference to a raw object, as it travels through the state machine.

    ``error`` says why it could not be transformed, where it could not and no retry would help.
    """

    bucket: str
    key: str
    etag: str
    bytes: int
    lane: str
    rows: NotRequired[int]
    error: NotRequired[str]


class Manifest(TypedDict):
    """Where a manifest is."""

    bucket: str
    key: str


def manifest_key(stream: str, execution_name: str) -> str:
    return f"{MANIFESTS}/{stream}/{execution_name}.jsonl"


def write_manifest(s3: Any, manifest: Manifest, objects: Iterable[RawObject]) -> int:
    """Write the references, in bounded memory, and return how many they are."""
    number = 0
    with tempfile.SpooledTemporaryFile(max_size=HELD_MAX) as file:
        for item in objects:
            file.write(json.dumps(item).encode() + b"\n")
            number += 1
        file.seek(0)
        s3.put_object(Bucket=manifest["bucket"], Key=manifest["key"], Body=file, ContentType="application/jsonl")
    return number


def read_manifest(s3: Any, manifest: Manifest) -> Iterator[RawObject]:
    """The references, in order."""
    body = s3.get_object(Bucket=manifest["bucket"], Key=manifest["key"])["Body"]
    for line in body.iter_lines():
        yield json.loads(line)


def missing_objects(connection: Connection, s3: Any, manifest: Manifest) -> tuple[int, str]:
    """How many objects of a manifest the ledger lacks, and the key of the first."""
    missing, first = 0, ""
    objects = read_manifest(s3, manifest)
    while some := list(islice(objects, KEYS_AT_ONCE)):
        for bucket in sorted({item["bucket"] for item in some}):
            keys = [item["key"] for item in some if item["bucket"] == bucket]
            loaded = loaded_keys(connection, bucket, keys)
            lacking = [key for key in keys if key not in loaded]
            missing += len(lacking)
            first = first or "".join(lacking[:1])
    return missing, first
