"""How Firehose writes an object: its name, prefix and compression, or the error prefix if its prefix is invalid.

https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ministack.services import firehose

from . import patching
from .objects import put_object

if TYPE_CHECKING:
    from .firehose import Batch

EXTENSIONS = {"GZIP": ".gz", "UNCOMPRESSED": ""}

_java_time = patching.private(firehose, "_java_time")
_evaluate_prefix = patching.private(firehose, "_evaluate_prefix")
_bucket_of = patching.private(firehose, "_s3_bucket_from_arn")
_DeliveryError = patching.private(firehose, "_DeliveryError")


@dataclass(frozen=True)
class Target:
    """The key of a future object; ``error`` is the code and message if it is below the error prefix."""

    key: str
    error: tuple[str, str] | None = None


def target(config: dict[str, Any], name: str, arrived: float, unique: str) -> Target:
    """The target of a batch whose first record ``arrived`` then; the same arguments give the same key."""
    local = _local_time(config, arrived)
    name = f"{name}-{_java_time('yyyy-MM-dd-HH-mm-ss', local)}-{unique}"
    try:
        prefix = _evaluate_prefix(config.get("Prefix", ""), local)
    except _DeliveryError as error:
        code = str(error.code or error.output_type)
        return Target(_error_prefix(config, local, error.output_type) + name, (code, str(error.message)))
    extension = EXTENSIONS.get(config.get("CompressionFormat", "UNCOMPRESSED"), "")
    return Target(prefix + name + (config.get("FileExtension") or extension))


async def deliver(batch: Batch) -> None:
    """Write the batch as one object, compressed as its destination requires; every attempt writes the same bytes.

    Raises:
        Exception: the object was not written; deliver the batch again.
    """
    config = batch.config
    compression = config.get("CompressionFormat", "UNCOMPRESSED")
    if compression not in EXTENSIONS:
        raise NotImplementedError(f"CompressionFormat {compression} (the emulator knows GZIP and UNCOMPRESSED)")
    if batch.target.error:
        body = _failures(batch, *batch.target.error)
    else:
        body = b"".join(batch.records)
        if compression == "GZIP":
            body = await asyncio.to_thread(gzip.compress, body, mtime=0)
    await put_object(batch.account, batch.region, _bucket_of(config["BucketARN"]), batch.target.key, body)


def _local_time(config: dict[str, Any], arrived: float) -> time.struct_time:
    """When the oldest record arrived, in the destination's time zone: prefix and name are formatted from it."""
    zone = config.get("CustomTimeZone") or "UTC"
    return datetime.fromtimestamp(arrived, UTC if zone == "UTC" else ZoneInfo(zone)).timetuple()


def _error_prefix(config: dict[str, Any], arrived: time.struct_time, error_type: str) -> str:
    template = config.get("ErrorOutputPrefix")
    if template:
        prefix: str = _evaluate_prefix(template, arrived, error_type=error_type)
        return prefix
    return f"{error_type}/{_java_time('yyyy/MM/dd/HH/', arrived)}"


def _failures(batch: Batch, code: str, message: str) -> bytes:
    """One JSON line per record, as AWS writes below the error prefix."""
    common = {
        "attemptsMade": batch.attempts + 1,
        "arrivalTimestamp": int(batch.arrived * 1000),
        "attemptEndingTimestamp": int(time.time() * 1000),
        "errorCode": code,
        "errorMessage": message,
    }
    lines = ({**common, "rawData": base64.b64encode(data).decode()} for data in batch.records)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
