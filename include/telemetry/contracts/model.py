"""The model of a stream's file: topics, encoding, device, event time and fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, field_validator, model_validator

from telemetry.contracts import topics
from telemetry.contracts.encoding import DecodedBytes, Encoding, Json
from telemetry.contracts.fields import ContractField, FieldType, Scalar, checked_path, with_default_paths
from telemetry.contracts.json_path import Step, Wildcard, parse_path, parse_query
from telemetry.contracts.stream_settings import StreamQuality, StreamRetention, StreamSchedules
from telemetry.contracts.times import TimeFormat, TimeFormats, TimeZone, formats_of
from telemetry.interval import HOUR
from telemetry.yaml_documents import FieldError, StrictModel

__all__ = ["ContractField", "FieldType", "Stream", "TimeFormat"]

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
YEAR_SECONDS = 366 * 86400
RECEIVED = "received"
RESERVED = frozenset(
    {"device_id", "event_time", "reading_id", "extra", "load_id", "line", "item", "message_id", "received_on"}
    | {"lane", "year", "month", "day", "hour"}  # the partitions of the Glue tables
)


def _alone(given: Any) -> Any:
    """A single value as a list of one."""
    return [given] if isinstance(given, str | dict) else given


Names = Annotated[tuple[str, ...], BeforeValidator(_alone)]
"""One name or several."""


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: lower case letters, digits and _, a letter first, at most 40")
    return name


Name = Annotated[str, AfterValidator(_checked_name)]


class PayloadPath(StrictModel):
    """Where in the payload a value is."""

    path: Annotated[str, Field(min_length=1)]

    @field_validator("path")
    @classmethod
    def _can_be_read(cls, path: str) -> str:
        return checked_path(path)


class Device(StrictModel):
    """Where the device's id is: a path, a key of ``readings``, levels of the topic (joined by /), or a constant."""

    path: Annotated[str, Field(min_length=1)] | None = None
    key: Annotated[int, Field(ge=1)] | None = None
    levels: Names = ()
    constant: Annotated[str, Field(min_length=1, max_length=256)] | None = None

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if sum(place is not None for place in (self.path, self.key, self.levels or None, self.constant)) != 1:
            raise ValueError("the device is at a path, a key, in levels of the topic or constant: name one of them")
        if self.path:
            checked_path(self.path)
        return self


class EventTime(StrictModel):
    """The place and the format of the event time; ``received`` alone is the message's arrival at the topic rule."""

    path: str = ""
    format: TimeFormats | None = None
    timezone: TimeZone | None = None
    """Of times without an offset, such as Europe/Berlin."""
    accept: tuple[Literal["text"], ...] = ()
    """``text``: epochs written as texts."""
    earliest: AwareDatetime | None = None
    """A time before is no time: some clocks begin anew at 1970 or 2000."""
    on_error: Literal["reject", "received"] = "reject"
    """What becomes of a reading whose time is missing or none: quarantined, or dated by its message's arrival."""

    @model_validator(mode="before")
    @classmethod
    def _received_alone(cls, document: Any) -> Any:
        if document == RECEIVED:
            return {}
        if isinstance(document, dict) and bool(document.get("path")) != bool(document.get("format")):
            raise ValueError("an event time has a path and a format, or is the word received alone")
        return document

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.path:
            checked_path(self.path)
        return self

    @property
    def is_received(self) -> bool:
        """Whether it is the message's arrival."""
        return not self.path

    @property
    def formats(self) -> list[str]:
        """In the order in which they are tried."""
        return formats_of(self.format) if self.format else []


class Condition(StrictModel):
    """Which messages of the topics are the stream's: those whose value there is as it says."""

    path: str | None = None
    level: str | None = None
    topic: str | None = None
    """A filter within the stream's own."""
    equals: Scalar | None = None
    one_of: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def _compares_one_thing(self) -> Self:
        if sum(place is not None for place in (self.path, self.level, self.topic)) != 1:
            raise ValueError("a condition looks at a path, a level or the topic: name one of them")
        tests = sum(test is not None for test in (self.equals, self.one_of, self.present))
        if tests != (self.topic is None):
            raise ValueError("a condition says one of equals, one_of and present; of a topic none")
        if self.path:
            checked_path(self.path)
        if self.topic:
            topics.check_filter(self.topic)
        return self

    @property
    def values(self) -> tuple[Scalar, ...] | None:
        """What the value may be, where that is a list."""
        return self.one_of or (None if self.equals is None else (self.equals,))


class KeyedList(StrictModel):
    """A list of objects with names, read as an object: each under its name, which is joined by / where it has parts."""

    path: str
    key: Names

    @field_validator("path")
    @classmethod
    def _can_be_read(cls, path: str) -> str:
        return checked_path(path)


class Stream(StrictModel):
    """One kind of device message: everything that the rest of the system knows of it.

    ``stream`` is the name, as in the file's; ``topic`` an MQTT topic filter, of whose levels ``levels`` names those
    that mean something; ``event_time_ahead_seconds`` is how far a device's clock may be ahead of the message's arrival.
    """

    stream: Name
    description: str = ""
    topic: str
    levels: str | None = None
    gateway: bool = False
    """Whether publishers speak for other devices than the topic's."""
    encoding: Encoding = Json()
    where: Annotated[tuple[Condition, ...], BeforeValidator(_alone)] = ()
    """All of them hold; what they leave out is counted."""
    keyed_lists: Annotated[tuple[KeyedList, ...], BeforeValidator(_alone)] = ()
    decode: Annotated[tuple[DecodedBytes, ...], BeforeValidator(_alone)] = ()
    readings: str | None = None
    """A query of the readings in a payload, such as ``$.values[*]``; without it the payload is one, or an array."""
    device: Device
    event_time: EventTime
    message_id: PayloadPath | None = None
    event_time_ahead_seconds: Annotated[int, Field(ge=0, le=YEAR_SECONDS)] = 3600
    fields: Annotated[dict[Name, ContractField], Field(min_length=1)]
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
