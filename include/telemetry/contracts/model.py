"""The model of a stream's file: topics, encoding, device, event time and fields."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from telemetry.contracts import topics
from telemetry.contracts.encoding import DecodedBytes, Encoding, Json
from telemetry.contracts.fields import ContractField, FieldType, with_default_paths
from telemetry.contracts.json_path import Step, Wildcard, parse_path, parse_query
from telemetry.contracts.parts import RECEIVED, Condition, Device, EventTime, KeyedList, Name, PayloadPath, as_list
from telemetry.contracts.stream_settings import StreamQuality, StreamRetention, StreamSchedules
from telemetry.contracts.times import TimeFormat
from telemetry.interval import HOUR
from telemetry.yaml_documents import FieldError, StrictModel

__all__ = ["ContractField", "FieldType", "Stream", "TimeFormat"]

YEAR_SECONDS = 366 * 86400
RESERVED = frozenset(
    {"device_id", "event_time", "reading_id", "extra", "load_id", "line", "item", "message_id", "received_on"}
    | {"lane", "year", "month", "day", "hour"}  # the partitions of the Glue tables
)
Conditions = Annotated[
    tuple[Condition, ...], BeforeValidator(as_list, json_schema_input_type=Condition | tuple[Condition, ...])
]
KeyedLists = Annotated[
    tuple[KeyedList, ...], BeforeValidator(as_list, json_schema_input_type=KeyedList | tuple[KeyedList, ...])
]
Decoded = Annotated[
    tuple[DecodedBytes, ...], BeforeValidator(as_list, json_schema_input_type=DecodedBytes | tuple[DecodedBytes, ...])
]
"""One or several of each."""


def _by_word(given: Any) -> Any:
    """The word ``received`` as the event time that it stands for."""
    return {} if given == RECEIVED else given


class Stream(StrictModel):
    """One kind of device message: all that the rest of the system knows about it."""

    stream: Name
    """The name: lower case letters, digits and underscores, at most 40. File, table, queue and DAGs are named after
    it."""
    description: str = ""
    """For people."""
    topic: str
    """An MQTT topic filter with ``+`` and ``#``, of at most 256 bytes and 7 slashes."""
    levels: str | None = None
    """Names for the topic's levels, in order: ``_/user/device``. ``_`` is a level without a name; a name at ``#`` is
    the rest of the topic. By default, the only wildcard is ``device``."""
    gateway: bool = False
    """Whether publishers speak for other devices. Otherwise a payload that names another device than the topic is
    quarantined as ``wrong_device``."""
    encoding: Encoding = Json()
    """How the payload is encoded: a name, or an object with the encoding's options. JSON by default."""
    where: Conditions = ()
    """Which messages belong to the stream: one condition, or several that must all hold. All other messages are counted
    as ``filtered``."""
    keyed_lists: KeyedLists = ()
    """Lists of named items that are read as objects."""
    decode: Decoded = ()
    """Bytes inside the payload that are decoded."""
    readings: str | None = None
    """A query for the readings in a payload that holds several, such as ``$.values[*]``. Without it the payload is one
    reading, or an array of readings."""
    device: Device
    """Where the device's id is. It has 1 to 256 characters; an integer is taken as text."""
    event_time: Annotated[EventTime, BeforeValidator(_by_word, json_schema_input_type=Literal["received"] | EventTime)]
    """A path with a format; or the word ``received``, for the time at which the topic rule took the message."""
    message_id: PayloadPath | None = None
    """Where devices give each reading an id of its own."""
    event_time_ahead_seconds: Annotated[int, Field(ge=0, le=YEAR_SECONDS)] = 3600
    """How far a device's clock may be ahead of the arrival of the message."""
    fields: Annotated[dict[Name, ContractField], Field(min_length=1)]
    """The columns by their names: lower case letters, digits and underscores, at most 40."""
    quality: StreamQuality = StreamQuality()
    """Bounds of the quality checks, in place of the defaults in ``include/settings.yaml``."""
    retention: StreamRetention = StreamRetention()
    """How long rows and objects are kept, in place of the defaults in ``include/settings.yaml``."""
    schedules: StreamSchedules = StreamSchedules()
    """When the DAGs run, in place of the defaults in ``include/settings.yaml``."""

    @model_validator(mode="before")
    @classmethod
    def _path_defaults_to_name(cls, document: Any) -> Any:
        if isinstance(document, dict) and "fields" in document:
            return {**document, "fields": with_default_paths(document["fields"])}
        return document

    @field_validator("topic")
    @classmethod
    def _topic_is_a_filter(cls, topic: str) -> str:
        topics.check_filter(topic)
        return topic

    @field_validator("readings")
    @classmethod
    def _readings_are_a_query(cls, readings: str | None) -> str | None:
        if readings is not None:
            parse_query(readings)
        return readings

    @model_validator(mode="after")
    def _levels_are_named(self) -> Self:
        names = topics.level_names(self.topic, self.levels)
        asked = [*self.device.levels, *(field.level for field in self.fields.values()), *(c.level for c in self.where)]
        if unknown := sorted({level for level in asked if level is not None} - names.keys()):
            raise FieldError(
                f"no level is named {', '.join(unknown)}: name the topic's levels, such as levels: _/device/_", "levels"
            )
        return self

    @model_validator(mode="after")
    def _keys_are_those_of_readings(self) -> Self:
        wildcards = sum(isinstance(step, Wildcard) for step in parse_query(self.readings)) if self.readings else 0
        asked = [self.device.key, *(field.key for field in self.fields.values())]
        if any(key is not None and key > wildcards for key in asked):
            raise FieldError(f"a key of wildcard {max(k or 0 for k in asked)} is read, it has {wildcards}", "readings")
        return self

    @model_validator(mode="after")
    def _names_and_paths_are_free(self) -> Self:
        for taken in sorted(RESERVED & self.fields.keys()):
            raise FieldError("a column of that name is there already: name the field otherwise", "fields", taken)
        seen: dict[tuple[bool, tuple[Step, ...]], FieldType | None] = {}
        for text, location, kind in self._places():
            place = self._place_of(text)
            if place in seen:
                raise FieldError(f"{text}: two fields read the same path", *location)
            seen[place] = kind
        for text, location, _ in self._places():
            apart, steps = self._place_of(text)
            if any(
                seen.get((apart, steps[:depth]), FieldType.json) is not FieldType.json for depth in range(len(steps))
            ):
                raise FieldError(f"{text}: another field reads the value that this path goes through", *location)
        return self

    def _places(self) -> Iterator[tuple[str, tuple[str, ...], FieldType | None]]:
        """The paths, where the file has them, and the type of the field that reads them."""
        if self.device.path:
            yield self.device.path, ("device", "path"), None
        if self.event_time.path:
            yield self.event_time.path, ("event_time", "path"), None
        for name, field in self.fields.items():
            if field.path:
                yield field.path, ("fields", name), field.type

    def _place_of(self, text: str) -> tuple[bool, tuple[Step, ...]]:
        """Whether a path begins beside the readings, and its steps."""
        path = parse_path(text)
        return path.absolute and self.readings is not None, path.steps

    def _paths(self) -> Iterator[str]:
        return (path for path, _, _ in self._places())

    @property
    def table(self) -> str:
        """The PostgreSQL table of the stream's readings."""
        return f"{self.stream}_readings"

    @property
    def level_numbers(self) -> dict[str, int]:
        """The number of each named level of the topic, from 0."""
        return topics.level_names(self.topic, self.levels)

    @property
    def reads_items(self) -> bool:
        """Whether paths begin with an item's number: then a payload that is an array is one reading."""
        return any(type(step) is int for path in self._paths() for step in parse_path(path).steps[:1])

    @property
    def takes_arrays(self) -> bool:
        """Whether a payload that is an array is several readings, an item each."""
        return isinstance(self.encoding, Json) and self.readings is None and not self.reads_items

    @property
    def is_plain(self) -> bool:
        """Whether it asks for nothing but JSON payloads, dotted paths, JSON's own types and one format of time.

        Plain streams are read by a way of their own (``validate``), which is faster and gives the same.
        """
        return (
            self.encoding == Json()
            and not (self.where or self.keyed_lists or self.decode or self.readings)
            and self.device.path is not None
            and bool(self.event_time.path)
            and self.event_time == EventTime(path=self.event_time.path, format=self.event_time.format)
            and self.event_time.formats[1:] == []
            and sum(level in ("+", "#") for level in self.topic.split("/")) <= 1
            and not any(set(path) & set("[]'\"$") for path in self._paths())
            and all(field.is_plain for field in self.fields.values())
        )

    def latest_event_time(self, hour: datetime) -> datetime:
        """The latest event time that a message can have which arrived within the hour from ``hour``."""
        return hour + HOUR + timedelta(seconds=self.event_time_ahead_seconds)

    def topic_of(self, device_id: str) -> str:
        """A topic that one device publishes on; other wildcards than the device's are ``x``."""
        number = self.level_numbers.get(topics.DEVICE)
        levels = self.topic.split("/")
        return "/".join(
            (device_id if at == number or number is None else "x") if level in ("+", "#") else level
            for at, level in enumerate(levels)
        )
