"""Firehose: records are buffered by time and size, then delivered to S3 as one object.

ministack immediately writes one uncompressed object per record, and never frees the records. On AWS a delivery stream
collects records until the interval or the size of BufferingHints is reached, whichever comes first. A failed delivery
is retried until it succeeds. Batches wait in memory up to a limit, beyond which the stream refuses records
(ServiceUnavailableException).

Records are journaled before they are acknowledged. An object's name is chosen when its batch is opened, and its records
are final when the batch is closed; both are journaled. So a kill between the write to S3 and the journal's entry about
it makes the next start write the same object again, with the same bytes.

Destinations that transform records (Lambda processors, dynamic partitioning, format conversion) are left to ministack.

https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html
https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region, new_uuid
from ministack.services import firehose

from . import patching, state
from .firehose_delivery import Target, deliver, target
from .journal import journal
from .metrics import Metric, record

MEBIBYTE = 1 << 20
MAX_WAITING_BYTES = 64 * MEBIBYTE
MAX_RETRY_SECONDS = 30.0

logger = logging.getLogger("firehose")


class FullError(Exception):
    """Too many bytes of the delivery stream await delivery: service unavailable, try again later."""


@dataclass
class Batch:
    """The records of one future object; ``arrived`` is the arrival time of the oldest."""

    id: str
    account: str
    region: str
    stream: str
    destination: str
    config: dict[str, Any]
    target: Target
    arrived: float
    records: list[bytes] = field(default_factory=list)
    size: int = 0
    attempts: int = 0
    not_before: float = 0.0

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.account, self.region, self.stream, self.destination

    def take(self, records: list[bytes]) -> None:
        self.records.extend(records)
        self.size += sum(map(len, records))

    def metric(self, name: str, unit: str = "Count") -> Metric:
        dimensions = (("DeliveryStreamName", self.stream),)
        return Metric(self.account, self.region, "AWS/Firehose", name, dimensions, unit)

    def is_full(self) -> bool:
        return self.size >= self._hint("SizeInMBs", 5) * MEBIBYTE

    def is_due(self, now: float) -> bool:
        return now - self.arrived >= self._hint("IntervalInSeconds", 300)

    def _hint(self, name: str, default: int) -> float:
        return float((self.config.get("BufferingHints") or {}).get(name, default))

    def head(self) -> dict[str, Any]:
        """Its fields without the records, as JSON types."""
        return {**{name: getattr(self, name) for name in HEAD}, "target": asdict(self.target)}


HEAD = ("id", "account", "region", "stream", "destination", "config", "target", "arrived")


class Buffers:
    """The open batch of each delivery stream, and closed batches awaiting delivery. The journal's lock guards both."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str, str], Batch] = {}
        self._closed: dict[str, Batch] = {}
        journal.register("opened", "firehose_buffers", self._replay_opened)
        journal.register("taken", "firehose_buffers", self._replay_taken)
        journal.register("closed", "firehose_buffers", lambda key: self._close(tuple(key)))
        journal.register("delivered", "firehose_buffers", self._replay_delivered)
        state.keep("firehose_buffers", self._get_state, self._restore)

    def add(self, stream: dict[str, Any], destination: dict[str, Any], records: list[bytes]) -> None:
        """Add records, in the account and region of the current request.

        Raises:
            FullError: too much awaits delivery; no record was added.
        """
        key = (get_account_id(), get_region(), stream["name"], destination["id"])
        with journal:
            if sum(b.size for b in self._closed.values() if b.key[:3] == key[:3]) > MAX_WAITING_BYTES:
                raise FullError(f"{stream['name']} has too much waiting for delivery")
            batch = self._open.get(key) or self._begin(key, stream.get("version", 1), destination["config"])
            batch.take(records)
            journal.add("taken", key, [data.decode("latin-1") for data in records])
            record(batch.metric("IncomingRecords"), 1, len(records))
            if batch.is_full():
                self._close(key)

    def _begin(self, key: tuple[str, str, str, str], version: int, config: dict[str, Any]) -> Batch:
        now, name = time.time(), new_uuid()
        batch = Batch(name, *key, config, target(config, f"{key[2]}-{version}", now, name), now)
        self._open[key] = batch
        journal.add("opened", batch.head())
        return batch

    def _close(self, key: tuple[str, ...]) -> None:
        batch = self._open.pop(key)  # type: ignore[arg-type]
        self._closed[batch.id] = batch
        journal.add("closed", key)

    async def deliver_due(self) -> None:
        """Deliver each batch that is full or old enough, and each whose retry is due."""
        now = time.time()
        with journal:
            for key in [key for key, batch in self._open.items() if batch.is_due(now)]:
                self._close(key)
            ready = [batch for batch in self._closed.values() if batch.not_before <= now]
        for batch in ready:
            await self._attempt(batch)

    async def drain(self) -> None:
        """Deliver everything now; a batch whose delivery fails is kept for the next start."""
        with journal:
            for key in list(self._open):
                self._close(key)
        for batch in list(self._closed.values()):
            await self._attempt(batch)

    async def _attempt(self, batch: Batch) -> None:
        try:
            await deliver(batch)
        except Exception as error:  # of any kind: the records must not be lost
            batch.attempts += 1
            batch.not_before = time.time() + min(2.0**batch.attempts, MAX_RETRY_SECONDS)
            record(batch.metric("DeliveryToS3.Success"), 0)
            logger.warning("Firehose %s: delivery attempt %d failed: %s", batch.stream, batch.attempts, error)
            return
        with journal:
            del self._closed[batch.id]
            journal.add("delivered", batch.id)
            record(batch.metric("DeliveryToS3.Records"), 1, len(batch.records))
            record(batch.metric("DeliveryToS3.Success"), 1)
            record(batch.metric("DeliveryToS3.DataFreshness", "Seconds"), time.time() - batch.arrived)

    # Restoring and replaying

    def _replay_delivered(self, batch: str) -> None:
        del self._closed[batch]

    def _replay_opened(self, head: dict[str, Any]) -> None:
        batch = Batch(**{**head, "target": Target(**head["target"])})
        self._open[batch.key] = batch

    def _replay_taken(self, key: list[str], records: list[str]) -> None:
        account, region, stream, destination = key
        self._open[account, region, stream, destination].take([text.encode("latin-1") for text in records])

    def _get_state(self) -> dict[str, Any]:
        kept = {"open": self._open.values(), "closed": self._closed.values()}
        return {name: [[batch.head(), batch.records[:]] for batch in batches] for name, batches in kept.items()}

    def _restore(self, saved: dict[str, Any] | None) -> None:
        for name, batches in (saved or {}).items():
            for head, records in batches:
                batch = Batch(**{**head, "target": Target(**head["target"])})
                batch.take(records)
                if name == "open":
                    self._open[batch.key] = batch
                else:
                    self._closed[batch.id] = batch


def install() -> Buffers:
    """Replace ministack's delivery to S3."""
    patching.private(firehose, "_streams")
    buffers = Buffers()

    def buffering(deliver_at_once: Any) -> Any:
        def accept(stream: Any, destination: Any, records: list[tuple[str, bytes]]) -> None:
            destination["records"].clear()
            if _transforms(destination["config"]):
                deliver_at_once(stream, destination, records)
            else:
                delimiter = _delimiter(destination["config"])
                buffers.add(stream, destination, [data + delimiter for _, data in records])

        return accept

    patching.replace(firehose, "_deliver_records_to_s3", buffering)
    handlers = patching.private(firehose, "_HANDLERS")
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
