"""Finding what a load is to take: raw objects that the ledger lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, TypedDict

from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings
from telemetry.etl.drain import drain
from telemetry.etl.manifest import Manifest, manifest_key, write_manifest
from telemetry.etl.request import Request
from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.layout import queue_prefix, raw_prefix
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.load_objects import loaded_keys


class Extracted(TypedDict):
    """What the state machine goes on with."""

    stream: str
    load_id: int
    objects: int
    manifest: Manifest


@dataclass(frozen=True)
class Extraction:
    """One load's search. ``out_of_time`` says when it must come to an end."""

    connection: Connection
    s3: Any
    sqs: Any
    deployment: Deployment
    settings: Settings
    out_of_time: Callable[[], bool]

    def run(self, request: Request, load_id: int) -> Extracted:
        """Write the manifest of the raw objects that the ledger lacks.

        hourly: of the interval and of ``look_back_hours`` before it, for late objects. daily: of both lanes, whatever
        the interval lacks. queue: drains the queue first, and takes what a drain wrote that died before its load.
        """
        manifest = Manifest(
            bucket=self.deployment.processed_bucket, key=manifest_key(request.stream, request.execution_name)
        )
        objects = write_manifest(self.s3, manifest, self._objects(request))
        return Extracted(stream=request.stream, load_id=load_id, objects=objects, manifest=manifest)

    def _objects(self, request: Request) -> Iterator[RawObject]:
        stream, interval = request.stream, request.interval
        look_back = timedelta(hours=self.settings.schedules.look_back_hours)
        match request.kind:
            case "hourly":
                hours = Interval(interval.start - look_back, interval.end).hours()
                return self._lacking(Lane.lake, (raw_prefix(stream, hour) for hour in hours))
            case "daily":
                return chain(
                    self._lacking(Lane.lake, (raw_prefix(stream, hour) for hour in interval.hours())),
                    self._lacking(Lane.queue, (queue_prefix(stream, hour) for hour in interval.hours())),
                )
            case "queue":
                self._drain(stream, request.execution_name)
                now = datetime.now(UTC)
                hours_with_objects = {*interval.hours(), *Interval(now - look_back, now + HOUR).hours()}
                return self._lacking(Lane.queue, (queue_prefix(stream, hour) for hour in sorted(hours_with_objects)))

    def _drain(self, stream: str, name: str) -> None:
        queue_url = self.sqs.get_queue_url(QueueName=self.settings.names.queue(stream))["QueueUrl"]
        drain(
            self.sqs,
            self.s3,
            queue_url=queue_url,
            bucket=self.deployment.raw_bucket,
            stream=stream,
            name=name,
            limits=self.settings.extract,
            out_of_time=self.out_of_time,
        )

    def _lacking(self, lane: Lane, prefixes: Iterable[str]) -> Iterator[RawObject]:
        bucket = self.deployment.raw_bucket
        pages = self.s3.get_paginator("list_objects_v2")
        for prefix in prefixes:
            for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                found = [entry for entry in page.get("Contents", []) if not entry["Key"].endswith("/")]
                loaded = loaded_keys(self.connection, bucket, [entry["Key"] for entry in found])
                for entry in found:
                    if entry["Key"] not in loaded:
                        yield RawObject(
                            bucket=bucket,
                            key=entry["Key"],
                            etag=entry["ETag"].strip('"'),
                            bytes=entry["Size"],
                            lane=lane,
                        )
