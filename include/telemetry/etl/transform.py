"""Transform a raw object into two Parquet files: readings and rejects."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from telemetry.config.settings import Transform
from telemetry.contracts.model import Stream
from telemetry.contracts.reasons import Reject
from telemetry.contracts.schema import FILTERED, KEY, LINE, readings_schema, rejects_schema
from telemetry.contracts.validate import Reading
from telemetry.etl.message_counts import MessageCounts
from telemetry.etl.parquet import ParquetFileWriter
from telemetry.interval import Lane
from telemetry.lake.layout import PROCESSED, QUARANTINE
from telemetry.lake.lines import Body
from telemetry.lake.payloads import compile_payload_reader
from telemetry.lake.raw_object import RawObject
from telemetry.lake.records import moment_of, read_messages

PERMANENT = {"NoSuchKey", "404", "PreconditionFailed", "412", "AccessDenied", "InvalidObjectState"}
"""Why S3 will not give an object next time either: it is gone, is not the one that was listed, or is kept from us."""


class Transformer:
    """Transforms the objects of one stream. What it writes depends on the object and the contract only."""

    def __init__(self, s3: Any, stream: Stream, bucket: str, limits: Transform) -> None:
        self._s3, self._stream, self._bucket, self._limits = s3, stream, bucket, limits
        self._read = compile_payload_reader(stream)

    def transform(self, raw_object: RawObject) -> RawObject:
        """Write the Parquet files of one object; returns the reference with its ``rows``, or with its ``error``."""
        try:
            raw = self._s3.get_object(Bucket=raw_object.bucket, Key=raw_object.key, IfMatch=f'"{raw_object.etag}"')
        except ClientError as error:
            if error.response["Error"]["Code"] not in PERMANENT:
                raise
            return replace(raw_object, error=str(error))
        with tempfile.TemporaryDirectory() as folder:
            readings, rejects = self._write(raw["Body"], raw_object, Path(folder))
            if rejects.written:
                self._upload(rejects, raw_object.derived_key(QUARANTINE))
            self._upload(readings, raw_object.derived_key(PROCESSED))
        return replace(raw_object, rows=readings.written + rejects.written)

    def _write(self, body: Body, raw_object: RawObject, folder: Path) -> tuple[ParquetFileWriter, ParquetFileWriter]:
        lane = raw_object.lane
        readings = ParquetFileWriter(
            folder / "readings.parquet", readings_schema(self._stream, lane), [column.name for column in KEY]
        )
        rejects = ParquetFileWriter(folder / "rejects.parquet", rejects_schema(lane), [column.name for column in LINE])
        counts = MessageCounts(raw_object.hour)
        latest = self._stream.latest_event_time(raw_object.hour)
        size = line = place = nulled = 0
        rows_max, bytes_max = self._limits.chunk_rows, self._limits.chunk_bytes
        for message in read_messages(body, self._read, latest, self._limits.record_bytes_max):
            size += message.size
            place, line = place if message.line == line else 0, message.line
            day = counts.add(message)
            for number, (outcome, raw, which) in enumerate(message.rows if day is not None else (), place):
                origin = (line, number) if lane is Lane.lake else (line, number, message.message_id, day)
                if type(outcome) is Reading:
                    device_id, event_time, reading_id, values, extra, bad_values = outcome
                    readings.rows.append((device_id, event_time, reading_id, *values, extra, *origin))
                    nulled += bad_values
                else:
                    said = outcome if type(outcome) is Reject else (FILTERED, "")
                    source = (message.topic, moment_of(message))
                    rejects.rows.append((*said, raw, *source, which, *origin))
            place += len(message.rows)
            if len(readings.rows) + len(rejects.rows) >= rows_max or size >= bytes_max:
                readings.flush()
                rejects.flush()
                size = 0
        rejects.close({"etag": raw_object.etag})
        told = {"etag": raw_object.etag, "rejects": str(rejects.written), "nulled": str(nulled)}
        readings.close({**told, **counts.metadata()})
        return readings, rejects

    def _upload(self, written: ParquetFileWriter, key: str) -> None:
        with written.path.open("rb") as file:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=file)
