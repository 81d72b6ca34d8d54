"""``include/settings.yaml``: what the local stack and Terraform both read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from telemetry.config.names import Names
from telemetry.errors import TelemetryError
from telemetry.lake import layout as partitions
from telemetry.lake.envelopes import FIELDS
from telemetry.lake.layout import FIREHOSE_HOUR, RAW, RAW_ERRORS, RULE_ERRORS
from telemetry.paths import SETTINGS
from telemetry.yaml_documents import StrictModel, load_document

BUFFER_SECONDS = "TELEMETRY_FIREHOSE_BUFFER_SECONDS"
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, le=1)]
RAW_PREFIX = f"{RAW}/{{stream}}/{FIREHOSE_HOUR}/"
TEMPLATE = r"^([^{}]|\{(prefix|stream|lane|queue|dead_letter_queue)\})+$"


class Folders(StrictModel):
    """Where the lake's objects lie: Terraform is told of what the code reads and writes, and cannot move it."""

    raw: str
    queue: str
    processed: str
    quarantine: str
    manifests: str
    raw_errors: str
    rule_errors: str

    @model_validator(mode="after")
    def _are_those_of_the_code(self) -> Self:
        for name, folder in self:
            if folder != getattr(partitions, name.upper()):
                raise ValueError(f"{name}: the code has {getattr(partitions, name.upper())!r}")
        return self


class TopicRule(StrictModel):
    """A topic rule's SQL, for the topic filter ``{topic}``, and where its errors go, for ``{stream}``."""

    sql_template: str = Field(alias="sql")
    sql_version: str
    error_key_template: Annotated[str, Field(pattern=rf"^{RULE_ERRORS}/\{{stream\}}/")] = Field(alias="error_key")

    @field_validator("sql_template")
    @classmethod
    def _makes_envelopes(cls, sql: str) -> str:
        """AWS IoT Core developer guide, "AWS IoT SQL reference"."""
        lacking = [key for key in FIELDS if f" AS {key}" not in sql]
        if lacking or not sql.endswith(" FROM '{topic}'"):
            raise ValueError(
                f"it selects no {', '.join(lacking)}" if lacking else "it does not end with FROM '{topic}'"
            )
        return sql

    def sql(self, topic: str) -> str:
        return self.sql_template.replace("{topic}", topic)

    def error_key(self, stream: str) -> str:
        return self.error_key_template.replace("{stream}", stream)


class Firehose(StrictModel):
    """Where delivery streams write, and the buffer's bounds as Firehose takes them (API reference, BufferingHints)."""

    prefix_template: str = Field(alias="prefix")
    error_prefix_template: Annotated[str, Field(pattern=rf"^{RAW_ERRORS}/\{{stream\}}/")] = Field(alias="error_prefix")
    separator: Literal["\n"]
    buffer_seconds: Annotated[int, Field(ge=0, le=900)]
    buffer_megabytes: Annotated[int, Field(ge=1, le=128)]
    compression: Literal["GZIP"]

    @field_validator("prefix_template")
    @classmethod
    def _is_where_the_etl_reads(cls, prefix: str) -> str:
        if prefix != RAW_PREFIX:
            raise ValueError(f"the ETL reads raw objects below {RAW_PREFIX}")
        return prefix

    def prefix(self, stream: str) -> str:
        return self.prefix_template.replace("{stream}", stream)

    def error_prefix(self, stream: str) -> str:
        return self.error_prefix_template.replace("{stream}", stream)


class Queue(StrictModel):
    """SQS's settings (API reference, SetQueueAttributes).

    SQS takes messages of up to 1 MiB by now; Terraform's oldest supported provider knows of 256 KiB.
    """

    visibility_timeout_seconds: Annotated[int, Field(ge=0, le=43200)]
    retention_seconds: Annotated[int, Field(ge=60, le=1209600)]
    max_receive_count: Annotated[int, Field(ge=1, le=1000)]
    message_bytes_max: Annotated[int, Field(ge=1024, le=262144)]


class Function(StrictModel):
    """A Lambda function's settings (API reference, CreateFunction)."""

    name: str
    memory_megabytes: Annotated[int, Field(ge=128, le=10240)]
    timeout_seconds: Annotated[int, Field(ge=1, le=900)]


class Functions(StrictModel):
    """One for each folder of ``include/functions``."""

    device_simulator: Function
    data_extraction: Function
    data_transformation: Function
    data_loading: Function
    load_recording: Function
    data_quality: Function


class Simulator(StrictModel):
    """What DeviceSimulatorFunction publishes and when."""

    schedule: str
    enabled: bool
    stream: str
    devices: Positive


class Extract(StrictModel):
    """Bounds of one drain of the queue."""

    queue_batch_messages: Positive
    queue_object_messages: Positive
    queue_object_bytes: Positive


class Transform(StrictModel):
    """What bounds the memory of DataTransformationFunction and DataLoadingFunction."""

    chunk_rows: Positive
    chunk_bytes: Positive
    record_bytes_max: Positive


class Schedules(StrictModel):
    """When the DAGs run, in UTC, and how they wait."""

    queue: str
    hourly: str
    daily: str
    maintenance: str
    delivery_margin_seconds: Annotated[int, Field(ge=0)]
    look_back_hours: Annotated[int, Field(ge=0)]


class Maintenance(StrictModel):
    """What the daily upkeep sees to."""

    months_ahead: Annotated[int, Field(ge=0, le=24)]
    own_partition_rows: Positive
    abandoned_after_minutes: Positive


class Retention(StrictModel):
    """How long rows are kept; without a number for ever."""

    message_ids_days: Positive
    readings_months: Positive | None
    quarantine_days: Positive | None


class Quality(StrictModel):
    """What closing a day checks, and against which bounds."""

    rollup_days: Annotated[int, Field(ge=1, le=31)]
    trailing_days: Annotated[int, Field(ge=1, le=366)]
    volume_history_days_min: Positive
    volume_ratio_low: Annotated[float, Field(ge=0, le=1)]
    volume_ratio_high: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    null_rate_max: Rate
    out_of_range_rate_max: Rate
    quarantine_rate_max: Rate
    silent_devices_max: Annotated[int, Field(ge=0)]


class Alarm(StrictModel):
    """A CloudWatch alarm (API reference, PutMetricAlarm) for ``each`` stream, or each lane of each stream.

    In the name and in the dimensions stand ``{prefix}``, ``{stream}``, ``{lane}``, ``{queue}`` and
    ``{dead_letter_queue}`` for those of the stream.
    """

    name: Annotated[str, Field(pattern=TEMPLATE)]
    description: Annotated[str, Field(max_length=1024)]
    each: Literal["stream", "lane"]
    namespace: str
    metric: str
    dimensions: dict[str, Annotated[str, Field(pattern=TEMPLATE)]]
    statistic: Literal["Maximum", "Minimum", "Average", "Sum"]
    comparison: Literal[
        "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
    ]
    threshold: Annotated[float, Field(allow_inf_nan=False)]
    period_seconds: Annotated[int, Field(ge=60, le=86400, multiple_of=60)]
    periods: Positive
    missing_data: Literal["missing", "ignore", "breaching", "notBreaching"]

    @model_validator(mode="after")
    def _has_a_name_for_each(self) -> Self:
        """Two alarms of one name would be one."""
        if "{stream}" not in self.name or ("{lane}" in self.name) != (self.each == "lane"):
            raise ValueError(f"name: {self.name!r} is not of its own for each {self.each}")
        return self


class Settings(StrictModel):
    """The whole file."""

    names: Names
    folders: Folders
    topic_rule: TopicRule
    firehose: Firehose
    queue: Queue
    functions: Functions
    simulator: Simulator
    extract: Extract
    transform: Transform
    schedules: Schedules
    maintenance: Maintenance
    retention: Retention
    quality: Quality
    alarms: dict[str, Alarm]

    @model_validator(mode="after")
    def _message_ids_outlive_messages(self) -> Self:
        """A message may lie in the queue for its retention, and for as long again after a redrive from the DLQ."""
        longest = timedelta(seconds=2 * self.queue.retention_seconds)
        if timedelta(days=self.retention.message_ids_days) <= longest:
            raise ValueError(
                f"retention.message_ids_days: {self.retention.message_ids_days} is not more than twice "
                f"queue.retention_seconds ({longest.days} days): a message that comes again would be counted twice"
            )
        return self

    @property
    def partition_grace(self) -> timedelta:
        """How long after its hour a partition is settled: Firehose's buffer, and the time to deliver it."""
        return timedelta(seconds=self.firehose.buffer_seconds + self.schedules.delivery_margin_seconds)


def load_settings(path: Path = SETTINGS, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. ``TELEMETRY_FIREHOSE_BUFFER_SECONDS`` wins over the file's: a demonstration waits no minute.

    Raises:
        TelemetryError: with ``FILE:LINE: FIELD: what is wrong`` for every fault.
    """
    settings = load_document(path, Settings)
    seconds = environment.get(BUFFER_SECONDS)
    if not seconds:
        return settings
    if not seconds.isdecimal() or int(seconds) > 900:
        raise TelemetryError(f"{BUFFER_SECONDS} is {seconds!r}: Firehose buffers for 0 to 900 whole seconds.")
    firehose = settings.firehose.model_copy(update={"buffer_seconds": int(seconds)})
    return settings.model_copy(update={"firehose": firehose})
