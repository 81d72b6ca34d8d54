"""The assumptions of the cost estimate: ``include/cost/usage.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from telemetry.paths import INCLUDE
from telemetry.yaml_documents import StrictModel, load_document

USAGE = INCLUDE / "cost" / "usage.yaml"
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
CompositionName = Literal["minimal", "production"]
EndpointChoice = Literal["functions", "all"]


class Database(StrictModel):
    """An RDS instance."""

    instance_class: str = Field(alias="class")
    multi_az: bool
    storage_gb: Positive


class Composition(StrictModel):
    """What is there without messages, too; ``None`` stands for what is not built."""

    endpoint_zones: Annotated[int, Field(ge=0)]
    endpoints: EndpointChoice
    nat_gateways: Annotated[int, Field(ge=0)]
    database: Database
    airflow: str | None
    notebook: str | None


class LambdaUsage(StrictModel):
    """How long functions run, in seconds or in items per second."""

    start: Positive
    object: Positive
    drained_messages_per_second: Positive
    transformed_rows_per_second: Positive
    loaded_rows_per_second: Positive
    daily_check: Positive


class Alarms(StrictModel):
    """How many alarms Terraform adds to those of the settings, for each of these."""

    stream: Annotated[int, Field(ge=0)]
    function: Annotated[int, Field(ge=0)]
    state_machine: Annotated[int, Field(ge=0)]
    database: Annotated[int, Field(ge=0)]
    airflow: Annotated[int, Field(ge=0)]


class Usage(StrictModel):
    """All assumptions."""

    month_hours: Positive
    stored_months: Positive
    connected: Annotated[float, Field(ge=0, le=1)]
    gzip_ratio: Annotated[float, Field(gt=0, le=1)]
    parquet_reading_bytes: Positive
    database_reading_bytes: Positive
    functions: LambdaUsage = Field(alias="lambda")
    log_line_bytes: Positive
    other_logs_gb: NotNegative
    airflow_metadata_gb: NotNegative
    nat_gb: NotNegative
    notebook_gb: NotNegative
    interface_endpoints: dict[EndpointChoice, Annotated[int, Field(ge=0)]]
    alarms: Alarms
    compositions: dict[CompositionName, Composition]


def load_usage() -> Usage:
    """Read the assumptions.

    Raises:
        TelemetryError: with ``FILE:LINE: FIELD: what is wrong`` for every fault.
    """
    return load_document(USAGE, Usage)
