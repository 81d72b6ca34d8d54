"""``streams.json``: what Terraform builds for the streams, derived from the checked settings and contracts.

Terraform neither checks contracts nor fills in templates: Python does, and Terraform reads the result. It refuses a
document that was made from other files than those that it finds (docs/decisions/0013).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from telemetry.config.alarms import expand_alarms
from telemetry.config.settings import Settings, load_settings
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.contracts.schema import TYPES, Column, readings_file, rejects_file
from telemetry.errors import TelemetryError
from telemetry.interval import Lane
from telemetry.lake import layout
from telemetry.lake.envelopes import FIELDS
from telemetry.lake.ingest import COMPRESSION, SEPARATOR, SQL_VERSION, topic_rule_sql
from telemetry.paths import INCLUDE, SETTINGS, STREAMS
from telemetry.yaml_documents import place_of

STREAMS_FILE = "streams.json"
FOLDERS = {
    "raw": layout.RAW,
    "queue": layout.QUEUE,
    "processed": layout.PROCESSED,
    "quarantine": layout.QUARANTINE,
    "manifests": layout.MANIFESTS,
    "raw_errors": layout.RAW_ERRORS,
    "rule_errors": layout.RULE_ERRORS,
}
"""The lake's folders, by their names in Terraform."""


def streams_document(include: Path = INCLUDE) -> dict[str, Any]:
    """Build the document from the settings and the streams below ``include``.

    ``files`` has the SHA-256 of every file that it was made from, by the path below ``include``; ``names`` those that
    belong to no stream; ``folders`` those of the lake; ``records`` how topic rules and Firehose write records;
    ``streams`` what is built for each; ``alarms`` all alarms of the settings; ``lanes`` both lanes.

    Raises:
        TelemetryError: with ``FILE:LINE: FIELD: what is wrong``.
    """
    settings_file, folder = include / SETTINGS.name, include / STREAMS.name
    settings = load_settings(settings_file, environment={})  # the same on every machine
    streams = load_streams(folder)
    if settings.simulator.stream not in streams:
        raise TelemetryError(
            f"{place_of(settings_file, 'simulator', 'stream')}: there is no stream {settings.simulator.stream!r}.",
            f"Name one that has a file in {folder}, or add {settings.simulator.stream}.yaml there.",
        )
    names = ("prefix", "alarm_topic", "schedule", "environment_parameter", "state_machine", "layer")
    files = [settings_file, *folder.glob("*.yaml")]
    return {
        "files": {path.relative_to(include).as_posix(): _sha256(path) for path in files},
        "names": {name: getattr(settings.names, name) for name in names},
        "folders": FOLDERS,
        "records": {"sql_version": SQL_VERSION, "separator": SEPARATOR, "compression": COMPRESSION},
        "lanes": list(Lane),
        "streams": {name: _stream(settings, stream) for name, stream in streams.items()},
        "alarms": [
            {"runbook": key, **alarm.model_dump(exclude={"each", "threshold_unit"})}
            for key, alarm in expand_alarms(settings, streams)
        ],
    }


def _stream(settings: Settings, stream: Stream) -> dict[str, Any]:
    name, names = stream.stream, settings.names
    return {
        "topic": stream.topic,
        "topic_rule": names.topic_rule(name),
        "sql": topic_rule_sql(stream.topic),
        "error_key": layout.rule_error_key(name),
        "queue": names.queue(name),
        "dead_letter_queue": names.dead_letter_queue(name),
        "delivery_stream": names.delivery_stream(name),
        "prefix": layout.firehose_prefix(name),
        "error_prefix": layout.firehose_error_prefix(name),
        "lake_days": settings.for_stream(stream).retention.lake_days,
        "tables": _tables(stream),
    }


def _tables(stream: Stream) -> dict[str, dict[str, Any]]:
    """The Glue tables. Both lanes share one: what only the queue lane's files have is null for the lake lane."""
    name = stream.stream
    envelope = [Column(key, *TYPES[type_]) for key, type_ in FIELDS.items()]
    return {
        stream.table: {
            "description": f"Readings of the stream {name}, of both lanes: a reading that came down both is in both",
            "format": "parquet",
            "folder": f"{layout.PROCESSED}/{name}/",
            "partitions": layout.ATHENA_LANE_HOUR,
            "columns": _glue(readings_file(stream, Lane.queue)),
        },
        f"{name}_quarantine": {
            "description": f"Rows of the stream {name} that could not become readings, with their bytes and the reason",
            "format": "parquet",
            "folder": f"{layout.QUARANTINE}/{name}/",
            "partitions": layout.ATHENA_LANE_HOUR,
            "columns": _glue(rejects_file(Lane.queue)),
        },
        f"{name}_raw": {
            "description": f"Messages of the stream {name}, each in its envelope: the payload is as it came, in base64",
            "format": "json",
            "folder": f"{layout.RAW}/{name}/",
            "partitions": layout.ATHENA_HOUR,
            "columns": _glue(envelope),
        },
    }


def _glue(columns: Iterable[Column]) -> list[dict[str, str]]:
    return [{"name": column.name, "type": column.glue} for column in columns]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
