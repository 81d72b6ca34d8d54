"""The parts of a stream's file that are not fields: device, event time, conditions and keyed lists."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from telemetry.contracts import topics
from telemetry.contracts.fields import Scalar, checked_path
from telemetry.contracts.times import TimeFormats, TimeZone, formats_of
from telemetry.yaml_documents import StrictModel

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
RECEIVED = "received"


def as_list(given: Any) -> Any:
    """A single value as a list of one."""
    return [given] if isinstance(given, str | dict) else given


Names = Annotated[tuple[str, ...], BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...])]
"""One name or several."""


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: lower case letters, digits and _, a letter first, at most 40")
    return name


Name = Annotated[str, AfterValidator(_checked_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})]


class PayloadPath(StrictModel):
    """Where in the payload a value is."""

    path: Annotated[str, Field(min_length=1)]
    """Names joined by dots, or a singular query of JSONPath: ``pump.rms``, ``rx[0].rssi``."""

    @field_validator("path")
    @classmethod
    def _can_be_read(cls, path: str) -> str:
        return checked_path(path)


class Device(StrictModel):
    """Where the device's id is: a path, a key of ``readings``, levels of the topic (joined by /), or a constant."""

    path: Annotated[str, Field(min_length=1)] | None = None
    """Where it is in the payload: names joined by dots, or a singular query of JSONPath."""
    key: Annotated[int, Field(ge=1)] | None = None
    """It is what that wildcard of ``readings`` stands for, counted from 1."""
    levels: Names = ()
    """The topic's levels that it is made of, joined by /."""
    constant: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """The id of the only device."""

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if sum(place is not None for place in (self.path, self.key, self.levels or None, self.constant)) != 1:
            raise ValueError("the device is at a path, a key, in levels of the topic or constant: name one of them")
        if self.path:
            checked_path(self.path)
        return self


class EventTime(StrictModel):
    """The place and the format of the event time. Without both it is the message's arrival at the topic rule."""

    path: str = ""
    """Where it is in the payload: names joined by dots, or a singular query of JSONPath."""
    format: TimeFormats | None = None
    """One format, or a list that is tried in order: a named one, or a pattern of Python's ``strptime``."""
    timezone: TimeZone | None = None
    """The IANA zone of times without an offset, such as ``Europe/Berlin``. Without it, such times are quarantined."""
    accept: tuple[Literal["text"], ...] = ()
    """``text``: epochs may be written as texts."""
    earliest: AwareDatetime | None = None
    """An earlier time is no time: for clocks that start at 1970 or 2000."""
    on_error: Literal["reject", "received"] = "reject"
    """What becomes of a reading whose time is missing or is no time: it is quarantined, or it gets the time at which
    its message was received."""

    @model_validator(mode="before")
    @classmethod
    def _has_both_or_neither(cls, document: Any) -> Any:
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
    """The value that is looked at, in the payload."""
    level: str | None = None
    """The named level of the topic that is looked at."""
    topic: str | None = None
    """A topic filter within the stream's own."""
    equals: Scalar | None = None
    """What the value must be."""
    one_of: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    """What the value may be."""
    present: bool | None = None
    """Whether there must be a value, or must be none."""

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
    """Where the list is."""
    key: Names
    """The member of each item that names it; several are joined by /."""

    @field_validator("path")
    @classmethod
    def _can_be_read(cls, path: str) -> str:
        return checked_path(path)
