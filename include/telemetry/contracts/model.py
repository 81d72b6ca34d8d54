"""What a stream's file says: its topic, its device, its event time and its fields."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from telemetry.interval import HOUR
from telemetry.yaml_documents import StrictModel

NAME = r"^[a-z][a-z0-9_]{0,39}$"
PATH = r"^[^.]+(\.[^.]+)*$"
YEAR_SECONDS = 366 * 86400
RESERVED = frozenset(
    {"device_id", "event_time", "reading_id", "extra", "load_id", "line", "item", "message_id", "received_on"}
    | {"lane", "year", "month", "day", "hour"}  # the partitions of the Glue tables
)


class FieldType(StrEnum):
    """The types of JSON values that a field may have."""

    string = "string"
    double = "double"
    integer = "integer"
    boolean = "boolean"


class TimeFormat(StrEnum):
    """How a payload writes its event time."""

    iso8601 = "iso8601"
    """RFC 3339, with an offset; a time without one is ambiguous and is quarantined."""
    epoch_seconds = "epoch_seconds"
    epoch_milliseconds = "epoch_milliseconds"


class PayloadPath(StrictModel):
    """A value's place in the payload: names joined by dots, from the outside in."""

    path: Annotated[str, Field(pattern=PATH)]


class EventTime(PayloadPath):
    """The place and the format of the event time."""

    format: TimeFormat


class ContractField(StrictModel):
    """One field of a reading: a column of the table and of the Parquet files."""

    type: FieldType
    path: Annotated[str, Field(pattern=PATH)] = ""
    unit: str = ""
    range: tuple[float, float] | None = None
    required: bool = False
    description: str = ""

    @model_validator(mode="after")
    def _range_fits(self) -> Self:
        if self.range is None:
            return self
        if self.type not in (FieldType.double, FieldType.integer):
            raise ValueError(f"a field of type {self.type} cannot have a range")
        if not self.range[0] <= self.range[1]:
            raise ValueError("the lower end of the range is above its upper end")
        return self


class Stream(StrictModel):
    """One kind of device message: everything that the rest of the system knows of it.

    ``stream`` is the name, as in the file's; ``topic`` the MQTT topic filter, whose one ``+`` stands for the device;
    ``event_time_ahead_seconds`` is how far a device's clock may be ahead of the message's arrival, a year at most.
    """

    stream: Annotated[str, Field(pattern=NAME)]
    description: str = ""
    topic: Annotated[str, Field(pattern=r"^[^+#$'\s]+/\+(/[^+#'\s]+)?$", max_length=256)]
    device: PayloadPath
    event_time: EventTime
    message_id: PayloadPath | None = None
    event_time_ahead_seconds: Annotated[int, Field(ge=0, le=YEAR_SECONDS)] = 3600
    fields: Annotated[dict[Annotated[str, Field(pattern=NAME)], ContractField], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _path_defaults_to_name(cls, document: object) -> object:
        fields = document.get("fields") if isinstance(document, dict) else None
        if isinstance(document, dict) and isinstance(fields, dict):
            with_path = {k: {"path": k, **v} if isinstance(v, dict) else v for k, v in fields.items()}
            return {**document, "fields": with_path}
        return document

    @model_validator(mode="after")
    def _names_and_places_are_free(self) -> Self:
        taken = RESERVED & self.fields.keys()
        if taken:
            raise ValueError(f"fields: {', '.join(sorted(taken))}: this column name is reserved")
        places = [self.device.path, self.event_time.path, *(field.path for field in self.fields.values())]
        twice = sorted({place for place in places if places.count(place) > 1})
        if twice:
            raise ValueError(f"fields: {', '.join(twice)}: two fields read the same path")
        within = sorted(inner for inner in places for outer in places if inner.startswith(f"{outer}."))
        if within:
            raise ValueError(f"fields: {', '.join(within)}: this path goes through the value of another field")
        return self

    @property
    def table(self) -> str:
        """The PostgreSQL table of the stream's readings."""
        return f"{self.stream}_readings"

    def latest_event_time(self, hour: datetime) -> datetime:
        """The latest event time that a message can have which arrived within the hour from ``hour``."""
        return hour + HOUR + timedelta(seconds=self.event_time_ahead_seconds)

    def topic_of(self, device_id: str) -> str:
        """The topic that one device publishes on."""
        return self.topic.replace("+", device_id)
