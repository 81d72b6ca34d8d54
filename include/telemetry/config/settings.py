"""``include/settings.yaml``: what the local stack and Terraform both read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from telemetry.config.names import Names
from telemetry.errors import TelemetryError
from telemetry.paths import SETTINGS
from telemetry.yaml_documents import StrictModel, load_document

BUFFER_SECONDS = "TELEMETRY_FIREHOSE_BUFFER_SECONDS"
BUFFER_SECONDS_MAX = 900
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, le=1)]
TEMPLATE = r"^([^{}]|\{(prefix|stream|lane|queue|dead_letter_queue)\})+$"


class Firehose(StrictModel):
    """The bounds of Firehose's buffer (API reference, BufferingHints)."""

    buffer_seconds: Annotated[int, Field(ge=0, le=BUFFER_SECONDS_MAX)]
    buffer_megabytes: Annotated[int, Field(ge=1, le=128)]


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
    if not seconds.isdecimal() or int(seconds) > BUFFER_SECONDS_MAX:
        raise TelemetryError(
            f"{BUFFER_SECONDS} is {seconds!r}: Firehose buffers for 0 to {BUFFER_SECONDS_MAX} whole seconds."
        )
    firehose = settings.firehose.model_copy(update={"buffer_seconds": int(seconds)})
    return settings.model_copy(update={"firehose": firehose})
