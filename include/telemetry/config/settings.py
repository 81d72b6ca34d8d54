"""The settings, ``include/settings.yaml``, which the local stack and Terraform both read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from telemetry.config.names import Names
from telemetry.contracts.model import Stream
from telemetry.contracts.stream_settings import (
    QUEUE_DAYS_MAX,
    DailySchedule,
    DeviceCount,
    HourlySchedule,
    LakeDays,
    Positive,
    QueueSchedule,
    Rate,
    RatioHigh,
    RatioLow,
    RollupDays,
    TrailingDays,
    check_history,
)
from telemetry.errors import TelemetryError
from telemetry.paths import SETTINGS
from telemetry.yaml_documents import StrictModel, load_document

BUFFER_SECONDS = "TELEMETRY_FIREHOSE_BUFFER_SECONDS"
BUFFER_SECONDS_MAX = 900
TEMPLATE = r"^([^{}]|\{(prefix|stream|lane|queue|dead_letter_queue)\})+$"


class Firehose(StrictModel):
    """When Firehose writes what it has buffered (API reference, BufferingHints)."""

    buffer_seconds: Annotated[int, Field(ge=0, le=BUFFER_SECONDS_MAX)]
    buffer_megabytes: Annotated[int, Field(ge=1, le=128)]


class Queue(StrictModel):
    """SQS's settings (API reference, SetQueueAttributes).

    SQS accepts messages of up to 1 MiB, but the oldest supported Terraform provider only 256 KiB.
    """

    visibility_timeout_seconds: Annotated[int, Field(ge=0, le=43200)]
    retention_seconds: Annotated[int, Field(ge=60, le=QUEUE_DAYS_MAX * 86400)]
    max_receive_count: Annotated[int, Field(ge=1, le=1000)]
    message_bytes_max: Annotated[int, Field(ge=1024, le=262144)]


class Function(StrictModel):
    """A Lambda function's settings (API reference, CreateFunction)."""

    name: str
    memory_megabytes: Annotated[int, Field(ge=128, le=10240)]
    timeout_seconds: Annotated[int, Field(ge=1, le=900)]


class Functions(StrictModel):
    """The Lambda functions, one for each folder of ``include/functions``."""

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
    """Limits of draining a queue once."""

    queue_batch_messages: Positive
    queue_object_messages: Positive
    queue_object_bytes: Positive


class Transform(StrictModel):
    """Limits that bound the memory of DataTransformationFunction and DataLoadingFunction."""

    chunk_rows: Positive
    chunk_bytes: Positive
    record_bytes_max: Positive


class Schedules(StrictModel):
    """When the DAGs run, as cron expressions in UTC, and when an hour is settled."""

    queue: QueueSchedule
    hourly: HourlySchedule
    daily: DailySchedule
    maintenance: str
    delivery_margin_seconds: Annotated[int, Field(ge=0)]
    look_back_hours: Annotated[int, Field(ge=0)]


class Maintenance(StrictModel):
    """Limits of the DAG ``maintenance``."""

    months_ahead: Annotated[int, Field(ge=0, le=24)]
    own_partition_rows: Positive
    abandoned_after_minutes: Positive


class Retention(StrictModel):
    """How long rows are kept, and objects in S3 on AWS: forever where there is no number."""

    message_ids_days: Positive
    readings_months: Positive | None
    quarantine_days: Positive | None
    lake_days: LakeDays | None


class Quality(StrictModel):
    """The bounds of the quality checks of a closed day."""

    rollup_days: RollupDays
    trailing_days: TrailingDays
    volume_history_days_min: Positive
    volume_ratio_low: RatioLow
    volume_ratio_high: RatioHigh
    null_rate_max: Rate
    out_of_range_rate_max: Rate
    quarantine_rate_max: Rate
    surplus_rate_max: Rate
    silent_devices_max: DeviceCount

    @model_validator(mode="after")
    def _compares_with_enough_days(self) -> Self:
        check_history(self.trailing_days, self.volume_history_days_min)
        return self


class Alarm(StrictModel):
    """A CloudWatch alarm (API reference, PutMetricAlarm) for ``each`` stream, or each lane of each stream.

    The name and the dimensions may contain the placeholders ``{prefix}``, ``{stream}``, ``{lane}``, ``{queue}`` and
    ``{dead_letter_queue}`` (``telemetry.config.alarms``).
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
    threshold_unit: Literal["metric", "queue_interval"] = "metric"
    """The metric's own, or the longest time between two runs of the stream's queue DAG."""
    period_seconds: Annotated[int, Field(ge=60, le=86400, multiple_of=60)]
    periods: Positive
    missing_data: Literal["missing", "ignore", "breaching", "notBreaching"]

    @model_validator(mode="after")
    def _name_is_unique(self) -> Self:
        """Of two alarms with the same name the second would replace the first."""
        if "{stream}" not in self.name or ("{lane}" in self.name) != (self.each == "lane"):
            raise ValueError(f"name: {self.name!r} is not unique for each {self.each}")
        return self


class Settings(StrictModel):
    """All settings."""

    names: Names
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
        """A message may stay in the queue for its retention period, and as long again after a redrive from the DLQ."""
        longest = timedelta(seconds=2 * self.queue.retention_seconds)
        if timedelta(days=self.retention.message_ids_days) <= longest:
            raise ValueError(
                f"retention.message_ids_days: {self.retention.message_ids_days} is not more than twice "
                f"queue.retention_seconds ({longest.days} days): a redelivered message would be counted twice"
            )
        return self

    def for_stream(self, stream: Stream) -> Self:
        """The settings of one stream: what its file sets, in place of the defaults. All else is the same for all."""
        own = {
            "quality": self.quality.model_copy(update=stream.quality.own()),
            "retention": self.retention.model_copy(update=stream.retention.own()),
            "schedules": self.schedules.model_copy(update=stream.schedules.own()),
        }
        return self.model_copy(update=own)

    @property
    def partition_grace(self) -> timedelta:
        """How long after its hour a partition is settled: Firehose's buffering time and the margin for delivery."""
        return timedelta(seconds=self.firehose.buffer_seconds + self.schedules.delivery_margin_seconds)


def load_settings(path: Path = SETTINGS, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. ``TELEMETRY_FIREHOSE_BUFFER_SECONDS`` overrides the file, so that a demonstration is fast.

    Raises:
        TelemetryError: the file is faulty, with ``FILE:LINE: FIELD: what is wrong`` for every fault, or the variable is
            not a number of seconds that Firehose allows.
    """
    settings = load_document(path, Settings)
    seconds = environment.get(BUFFER_SECONDS)
    if not seconds:
        return settings
    if not seconds.isdecimal() or int(seconds) > BUFFER_SECONDS_MAX:
        raise TelemetryError(
            f"{BUFFER_SECONDS} is {seconds!r}: Firehose buffers for 0 to {BUFFER_SECONDS_MAX} whole seconds."
        )
    firehose = settings.firehose.model_copy(update={"buffer_seconds": int(seconds)})
    return settings.model_copy(update={"firehose": firehose})
