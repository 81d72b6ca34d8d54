"""Finding what a load is to take: raw objects that the ledger lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

from telemetry.aws.queues import queue_url
from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings
from telemetry.etl.drain import drain
from telemetry.etl.hours import hours_of, list_objects
from telemetry.etl.manifest import Manifest, manifest_key, write_manifest
from telemetry.etl.request import Request
from telemetry.lake.raw_object import RawObject
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.load_objects import objects_not_loaded


class Extracted(TypedDict):
    """The state's result, which the state machine continues with."""

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
        """Write the manifest of the raw objects that the ledger lacks, of the hours where the load looks (``hours``).

        A load of the queue drains it first.
        """
        manifest = Manifest(
            bucket=self.deployment.processed_bucket, key=manifest_key(request.stream, request.execution_name)
        )
        objects = write_manifest(self.s3, manifest, self._objects(request))
        return Extracted(stream=request.stream, load_id=load_id, objects=objects, manifest=manifest)

    def _objects(self, request: Request) -> Iterator[RawObject]:
        stream, kind = request.stream, request.kind
        if kind == "queue":
            self._drain(stream, request.execution_name)
        look_back_hours = self.settings.schedules.look_back_hours
        hours = hours_of(kind, request.interval, look_back_hours=look_back_hours, now=datetime.now(UTC))
        for listed in list_objects(self.s3, self.deployment.raw_bucket, stream, kind, hours):
            yield from objects_not_loaded(self.connection, listed)

    def _drain(self, stream: str, name: str) -> None:
        drain(
            self.sqs,
            self.s3,
            queue_url=queue_url(self.sqs, self.settings.names.queue(stream)),
            bucket=self.deployment.raw_bucket,
            stream=stream,
            name=name,
            limits=self.settings.extract,
            out_of_time=self.out_of_time,
        )
