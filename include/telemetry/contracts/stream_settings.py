"""What a stream's file may set for itself, in place of the defaults in ``include/settings.yaml``.

The sections and keys are those of the settings (``telemetry.config.settings``), which take the types from here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, Field, model_serializer, model_validator

from telemetry.yaml_documents import FieldError, StrictModel

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, le=1)]
RollupDays = Annotated[int, Field(ge=1, le=31)]
TrailingDays = Annotated[int, Field(ge=1, le=366)]
RatioLow = Annotated[float, Field(ge=0, le=1)]
RatioHigh = Annotated[float, Field(ge=1, allow_inf_nan=False)]
DeviceCount = Annotated[int, Field(ge=0)]
QUEUE_DAYS_MAX: Final = 14
"""The longest that SQS keeps a message (API reference, SetQueueAttributes)."""
LakeDays = Annotated[int, Field(ge=QUEUE_DAYS_MAX)]
"""After an outage, S3 must not have deleted what the queue still has."""

_MINUTE: Final = r"[0-5]?\d"
_HOUR: Final = r"([01]?\d|2[0-3])"


def _cron(pattern: str, runs: str) -> AfterValidator:
    def checked(cron: str) -> str:
        if not re.fullmatch(pattern, cron, re.ASCII):
            raise ValueError(f"{cron!r} is not a cron expression that runs {runs}")
        return cron

    return AfterValidator(checked)


QueueSchedule = Annotated[
    str,
    _cron(
        rf"(\*(/0?[1-9]|/[1-5]\d)?|{_MINUTE}(,{_MINUTE})*) \* \* \* \*",
        'within every hour, such as "*/5 * * * *" or "10,40 * * * *"',
    ),
]
"""``close_day`` waits a little over an hour for the queue to be drained."""
HourlySchedule = Annotated[str, _cron(rf"{_MINUTE} \* \* \* \*", 'once an hour, such as "5 * * * *"')]
"""A run loads one hour: with fewer runs, hours would be left to the daily run."""
DailySchedule = Annotated[str, _cron(rf"{_MINUTE} {_HOUR} \* \* \*", 'once a day, such as "30 0 * * *"')]
"""A run loads and closes one day: with fewer runs, days would never be closed."""


class _Section(StrictModel):
    """A section whose keys may all be left out. It is dumped with the keys that the file has."""

    nullable: ClassVar[bool] = False
    """Whether null is a value, or no answer at all."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        for name in self.model_fields_set:
            if getattr(self, name) is None and not self.nullable:
                raise FieldError("null is not a value. Without the key, the default holds", name)
        return self

    @model_serializer
    def own(self) -> dict[str, Any]:
        """The keys that the file has."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class StreamQuality(_Section):
    """The bounds of the checks when a day is closed."""

    rollup_days: RollupDays | None = None
    """How many days are rolled up again when a day is closed, because late readings may have touched them."""
    trailing_days: TrailingDays | None = None
    """How many days before it a day is compared with."""
    volume_history_days_min: Positive | None = None
    """How many of these days must have readings; otherwise the volume has no bounds."""
    volume_ratio_low: RatioLow | None = None
    """The fewest readings of a day, relative to the mean of these days."""
    volume_ratio_high: RatioHigh | None = None
    """The most readings of a day, relative to the mean of these days."""
    null_rate_max: Rate | None = None
    """The largest share of readings that lack an optional field."""
    out_of_range_rate_max: Rate | None = None
    """The largest share of rows that are quarantined as ``out_of_range``."""
    quarantine_rate_max: Rate | None = None
    """The largest share of rows that are quarantined, for any reason."""
    surplus_rate_max: Rate | None = None
    """The largest share of a lane's messages that were delivered more often than they were published."""
    silent_devices_max: DeviceCount | None = None
    """How many devices may be silent on a day."""

    @model_validator(mode="after")
    def _compares_with_enough_days(self) -> Self:
        if (self.trailing_days is None) != (self.volume_history_days_min is None):
            said = "trailing_days" if self.trailing_days else "volume_history_days_min"
            raise FieldError("set both trailing_days and volume_history_days_min: one bounds the other", said)
        check_history(self.trailing_days, self.volume_history_days_min)
        return self


def check_history(trailing_days: int | None, volume_history_days_min: int | None) -> None:
    """Check that the days before can be enough for the volume to have bounds.

    Raises:
        FieldError: they never are.
    """
    if trailing_days and volume_history_days_min and volume_history_days_min > trailing_days:
        raise FieldError(
            f"{volume_history_days_min} is more than trailing_days ({trailing_days}): the volume would have no bounds",
            "volume_history_days_min",
        )


class StreamRetention(_Section):
    """How long the stream's rows and objects are kept. Null: forever."""

    nullable: ClassVar[bool] = True

    readings_months: Positive | None = None
    """How many months readings are kept in the table, besides the month that lasts."""
    quarantine_days: Positive | None = None
    """How many days quarantined rows are kept."""
    lake_days: LakeDays | None = None
    """How many days S3 keeps objects on AWS."""


class StreamSchedules(_Section):
    """When the stream's DAGs run, as cron expressions in UTC."""

    queue: QueueSchedule | None = None
    """When the queue is drained: within every hour."""
    hourly: HourlySchedule | None = None
    """When the last hour is loaded: once an hour."""
    daily: DailySchedule | None = None
    """When the last day is loaded and closed: once a day."""
