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
from telemetry.etl.merge import Merge, Redelivery
from telemetry.etl.message_counts import read_counts
from telemetry.lake.layout import PROCESSED, QUARANTINE
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Connection, Cursor, transaction
from telemetry.warehouse.load_objects import ObjectCounts, claim_object, count_object, objects_not_loaded
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
        for raw_object in objects_not_loaded(self._connection, objects):
            try:
                self._load(raw_object)
            except Exception as error:
                failures.append(error)
                if self._connection.closed:
                    break
        if failures:
            # The state machine tries again what may pass, and never a TelemetryError.
            raise min(failures, key=lambda error: type(error) is TelemetryError)

    def _load(self, raw_object: RawObject) -> None:
        key = raw_object.key
        if raw_object.error is not None:
            raise TelemetryError(f"s3://{raw_object.bucket}/{key} could not be read: {raw_object.error}.")
        with tempfile.TemporaryDirectory() as folder:
            readings = self._fetch(PROCESSED, raw_object, Path(folder))
            if readings.schema_arrow != readings_schema(self._stream, raw_object.lane):
                raise RuntimeError(f"{key} was transformed by another contract. The next load transforms it again.")
            expected = int(readings.metadata.metadata[b"rejects"])
            rejects = self._fetch(QUARANTINE, raw_object, Path(folder)) if expected else None
            if rejects and rejects.metadata.num_rows != expected:
                raise RuntimeError(f"{key} is being transformed again. Its two files do not belong together.")
            name = self._stream.stream
            with up_to_contract(name), transaction(self._connection) as cursor:
                if claim_object(cursor, self._load_id, name, raw_object):
                    self._merge(cursor, raw_object, readings, rejects)

    def _fetch(self, folder: str, raw_object: RawObject, into: Path) -> pq.ParquetFile:
        path = into / f"{folder}.parquet"
        with path.open("wb") as file:
            body = self._s3.get_object(Bucket=self._bucket, Key=raw_object.derived_key(folder))["Body"]
            shutil.copyfileobj(body, file)
        fetched = pq.ParquetFile(path)
        if fetched.metadata.metadata[b"etag"].decode() != raw_object.etag:
            raise RuntimeError(f"{raw_object.key} was transformed again in the meantime, from another version.")
        return fetched

    def _merge(
        self, cursor: Cursor, raw_object: RawObject, readings: pq.ParquetFile, rejects: pq.ParquetFile | None
    ) -> None:
        files = [readings, rejects] if rejects else [readings]
        redelivery = Redelivery.detect(cursor, raw_object, files)
        merge = Merge(cursor, self._stream, raw_object, redelivery)
        rows, loaded = merge.readings(readings, self._load_id)
        quarantined, first_error = merge.rejects(rejects) if rejects else (0, None)
        days, repeated = read_counts(readings.metadata.metadata)
        counts = ObjectCounts(
            days=days - redelivery.days,
            redelivered=repeated + redelivery.days.total(),
            loaded=loaded,
            duplicate=rows - loaded,
            quarantined=quarantined,
            first_error=first_error,
        )
        count_object(cursor, raw_object, counts)
