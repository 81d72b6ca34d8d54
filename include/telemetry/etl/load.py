"""From an object's Parquet files to the warehouse: one object, one transaction."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from telemetry.contracts.model import Stream
from telemetry.contracts.schema import readings_schema
from telemetry.errors import TelemetryError
from telemetry.etl.manifest import RawObject
from telemetry.etl.merge import Merge, Redelivery
from telemetry.etl.message_counts import read_counts
from telemetry.interval import Lane
from telemetry.lake.layout import PROCESSED, QUARANTINE, derived_key, hour_of
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.ledger import loaded_keys
from telemetry.warehouse.load_objects import ObjectCounts, claim_object, record_object
from telemetry.warehouse.migrate import up_to_contract


class Loader:
    """Loads the objects of one stream for one load.

    An object's rows and its ledger row commit together or not at all. Loaders of the same object wait for each other at
    the ledger's key, and all but the first find it loaded; loaders of different objects take every lock in the order of
    the keys, so that none waits for another in a circle.
    """

    def __init__(self, connection: Connection, s3: Any, stream: Stream, bucket: str, load_id: int) -> None:
        self._connection, self._s3, self._stream, self._bucket, self._load_id = connection, s3, stream, bucket, load_id

    def load(self, objects: Iterable[RawObject]) -> None:
        """Load every object that the ledger lacks. One that fails does not keep the others from being loaded.

        Raises:
            TelemetryError: an object could not be transformed, or the tables are behind the contract.
            Exception: a failure that may pass, when all objects have been tried. Loading them again is safe.
        """
        failures: list[Exception] = []
        for item in self._missing(list(objects)):
            try:
                self._load(item)
            except Exception as error:
                failures.append(error)
                if self._connection.closed:
                    break
        if failures:
            # The state machine tries again what may pass, and never a TelemetryError.
            raise min(failures, key=lambda error: type(error) is TelemetryError)

    def _missing(self, objects: list[RawObject]) -> list[RawObject]:
        loaded = {
            (bucket, key)
            for bucket in {item["bucket"] for item in objects}
            for key in loaded_keys(self._connection, bucket, [i["key"] for i in objects if i["bucket"] == bucket])
        }
        return [item for item in objects if (item["bucket"], item["key"]) not in loaded]

    def _load(self, item: RawObject) -> None:
        if "error" in item:
            raise TelemetryError(f"s3://{item['bucket']}/{item['key']} could not be read: {item['error']}.")
        with tempfile.TemporaryDirectory() as folder:
            readings = self._fetch(PROCESSED, item, Path(folder))
            if readings.schema_arrow != readings_schema(self._stream, Lane(item["lane"])):
                raise RuntimeError(f"{item['key']} was transformed by another contract: the next load takes it anew.")
            expected = int(readings.metadata.metadata[b"rejects"])
            rejects = self._fetch(QUARANTINE, item, Path(folder)) if expected else None
            if rejects and rejects.metadata.num_rows != expected:
                raise RuntimeError(f"{item['key']} is being transformed anew: its two files do not belong together.")
            with up_to_contract(self._stream.stream), transaction(self._connection) as cursor:
                if self._claim(cursor, item):
                    self._merge(cursor, item, readings, rejects)

    def _fetch(self, folder: str, item: RawObject, into: Path) -> pq.ParquetFile:
        key = derived_key(folder, self._stream.stream, item["lane"], item["key"])
        path = into / f"{folder}.parquet"
        with path.open("wb") as file:
            shutil.copyfileobj(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"], file)
        fetched = pq.ParquetFile(path)
        if fetched.metadata.metadata[b"etag"].decode() != item["etag"]:
            raise RuntimeError(f"{item['key']} was transformed again meanwhile, from another version of it.")
        return fetched

    def _claim(self, cursor: Cursor, item: RawObject) -> bool:
        """Take the object's place in the ledger; ``False`` where another loader has it."""
        return claim_object(
            cursor,
            load_id=self._load_id,
            stream=self._stream.stream,
            lane=item["lane"],
            bucket=item["bucket"],
            key=item["key"],
            etag=item["etag"],
            size=item["bytes"],
            partition_start=hour_of(item["key"]),
        )

    def _merge(self, cursor: Cursor, item: RawObject, readings: pq.ParquetFile, rejects: pq.ParquetFile | None) -> None:
        files = [readings, rejects] if rejects else [readings]
        redelivery = Redelivery.find(cursor, item, files)
        merge = Merge(cursor, self._stream, item, redelivery)
        rows, loaded = merge.readings(readings, self._load_id)
        quarantined, first_error = merge.rejects(rejects) if rejects else (0, None)
        days, repeated = read_counts(readings.metadata.metadata)
        record_object(
            cursor,
            ObjectCounts(
                bucket=item["bucket"],
                key=item["key"],
                days=days - redelivery.days,
                redelivered=repeated + redelivery.days.total(),
                loaded=loaded,
                duplicate=rows - loaded,
                quarantined=quarantined,
                first_error=first_error,
            ),
        )
