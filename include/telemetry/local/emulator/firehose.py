"""Firehose: records are buffered by time and size, then delivered to S3 as one object.

ministack writes one uncompressed object a record, at once, and keeps every record in memory for ever. On AWS a
delivery stream collects records until BufferingHints' interval or size is reached, whichever is first. What cannot be
delivered is retried until it can; it waits in memory up to a bound, beyond which the stream takes no more records
(ServiceUnavailableException), and what still waits at a clean stop is kept in a folder for the next start.

Destinations that transform records (Lambda processors, dynamic partitioning, format conversion) are left to ministack
as they are.

https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html
https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import firehose

from . import seam
from .firehose_delivery import deliver
from .metrics import Metric, record

MEBIBYTE = 1 << 20
MOST_WAITING = 64 * MEBIBYTE
LONGEST_PAUSE = 30.0

logger = logging.getLogger("firehose")


class FullError(Exception):
    """The delivery stream holds as much as it may: service unavailable, try again later."""


@dataclass
class Batch:
    """The records of one coming object; ``arrived`` is when the oldest of them did."""

    account: str
    region: str
    stream: str
    version: int
    config: dict[str, Any]
    arrived: float
    records: list[bytes] = field(default_factory=list)
    size: int = 0
    attempts: int = 0
    not_before: float = 0.0
    kept_in: Path | None = None

    def metric(self, name: str, unit: str = "Count") -> Metric:
        dimensions = (("DeliveryStreamName", self.stream),)
        return Metric(self.account, self.region, "AWS/Firehose", name, dimensions, unit)

    def is_full(self) -> bool:
        return self.size >= self._hint("SizeInMBs", 5) * MEBIBYTE

    def is_due(self, now: float) -> bool:
        return now - self.arrived >= self._hint("IntervalInSeconds", 300)

    def _hint(self, name: str, default: int) -> float:
        return float((self.config.get("BufferingHints") or {}).get(name, default))


class Buffers:
    """Every delivery stream's open batch, and the closed ones that await delivery."""

    def __init__(self, folder: Path) -> None:
        """``folder`` keeps what is undelivered at a stop; what it holds awaits delivery again."""
        self._folder = folder
        self._open: dict[tuple[str, str, str, str], Batch] = {}
        self._closed: list[Batch] = []
        self._lock = threading.Lock()
        if folder.is_dir():
            self._closed.extend(_read(path) for path in sorted(folder.glob("*.json")))

    def add(self, stream: dict[str, Any], destination: dict[str, Any], records: list[bytes]) -> None:
        """Take records in the account and region of the current request.

        Raises:
            FullError: too much awaits delivery; none of the records was taken.
        """
        key = (get_account_id(), get_region(), stream["name"], destination["id"])
        with self._lock:
            if sum(b.size for b in self._closed if (b.account, b.region, b.stream) == key[:3]) > MOST_WAITING:
                raise FullError(f"{stream['name']} has too much waiting for delivery")
            batch = self._open.get(key)
            if batch is None:
                batch = Batch(*key[:3], stream.get("version", 1), destination["config"], time.time())
                self._open[key] = batch
            batch.records.extend(records)
            batch.size += sum(map(len, records))
            if batch.is_full():
                self._closed.append(self._open.pop(key))
        record(batch.metric("IncomingRecords"), 1, len(records))

    async def deliver_due(self) -> None:
        """Deliver the batches that are full or old enough, and those whose retry is due."""
        now = time.time()
        with self._lock:
            for key in [key for key, batch in self._open.items() if batch.is_due(now)]:
                self._closed.append(self._open.pop(key))
            ready = [batch for batch in self._closed if batch.not_before <= now]
        for batch in ready:
            await self._attempt(batch)

    async def drain(self) -> None:
        """Deliver everything now; keep in the folder what cannot be."""
        with self._lock:
            self._closed.extend(self._open.values())
            self._open.clear()
            waiting = list(self._closed)
        for batch in waiting:
            await self._attempt(batch)
        for batch in self._closed:
            if batch.kept_in is None:
                _keep(batch, self._folder)

    async def _attempt(self, batch: Batch) -> None:
        try:
            await deliver(batch)
        except Exception as error:  # whatever it is, the records must not be lost
            batch.attempts += 1
            batch.not_before = time.time() + min(2.0**batch.attempts, LONGEST_PAUSE)
            record(batch.metric("DeliveryToS3.Success"), 0)
            logger.warning("Firehose %s: delivery attempt %d failed: %s", batch.stream, batch.attempts, error)
            return
        with self._lock:
            self._closed.remove(batch)
        if batch.kept_in is not None:
            batch.kept_in.unlink(missing_ok=True)
        record(batch.metric("DeliveryToS3.Records"), 1, len(batch.records))
        record(batch.metric("DeliveryToS3.Success"), 1)
        record(batch.metric("DeliveryToS3.DataFreshness", "Seconds"), time.time() - batch.arrived)


def install(folder: Path) -> Buffers:
    """Replace ministack's delivery to S3; ``folder`` keeps what is undelivered at a stop."""
    seam.private(firehose, "_streams")
    buffers = Buffers(folder)

    def buffering(deliver_at_once: Any) -> Any:
        def accept(stream: Any, destination: Any, records: list[tuple[str, bytes]]) -> None:
            destination["records"].clear()
            if _transforms(destination["config"]):
                deliver_at_once(stream, destination, records)
            else:
                delimiter = _delimiter(destination["config"])
                buffers.add(stream, destination, [data + delimiter for _, data in records])

        return accept

    seam.replace(firehose, "_deliver_records_to_s3", buffering)
    handlers = seam.private(firehose, "_HANDLERS")
    handlers["PutRecord"] = _unavailable_when_full(handlers["PutRecord"])
    return buffers


def _unavailable_when_full(put_record: Any) -> Any:
    def put_or_refuse(request: dict[str, Any]) -> Any:
        try:
            return put_record(request)
        except FullError as error:
            return error_response_json("ServiceUnavailableException", str(error), 503)

    return put_or_refuse


def put(account: str, region: str, name: str, data: bytes) -> None:
    """Put one record into a delivery stream, as PutRecord does; the caller has set the request's account and region.

    Raises:
        LookupError: there is no such delivery stream, or it has no S3 destination.
        FullError: too much awaits delivery.
    """
    stream = firehose._streams.get_scoped(account, region, name)
    destinations = [d for d in (stream or {}).get("destinations", ()) if d["type"] in ("ExtendedS3", "S3")]
    if not destinations:
        raise LookupError(f"delivery stream {name} does not exist or does not deliver to S3")
    for destination in destinations:
        firehose._deliver_records_to_s3(stream, destination, [("", data)])


def _processors(config: dict[str, Any]) -> list[dict[str, Any]]:
    processing = config.get("ProcessingConfiguration") or {}
    return (processing.get("Processors") or []) if processing.get("Enabled") else []


def _transforms(config: dict[str, Any]) -> bool:
    features = ("DynamicPartitioningConfiguration", "DataFormatConversionConfiguration")
    return any((config.get(feature) or {}).get("Enabled") for feature in features) or any(
        processor.get("Type") != "AppendDelimiterToRecord" for processor in _processors(config)
    )


def _delimiter(config: dict[str, Any]) -> bytes:
    for processor in _processors(config):
        given = {p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters") or []}
        delimiter: str = given.get("Delimiter", "\\n")
        return delimiter.encode().decode("unicode_escape").encode()
    return b""


def _keep(batch: Batch, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: getattr(batch, name) for name in ("account", "region", "stream", "version", "config", "arrived")}
    kept["records"] = [base64.b64encode(data).decode() for data in batch.records]
    path = folder / f"{uuid.uuid4()}.new"
    path.write_text(json.dumps(kept))
    path.rename(path.with_suffix(".json"))


def _read(path: Path) -> Batch:
    kept = json.loads(path.read_text())
    kept["records"] = [base64.b64decode(text) for text in kept["records"]]
    return Batch(**kept, size=sum(map(len, kept["records"])), kept_in=path)
