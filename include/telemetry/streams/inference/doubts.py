"""Doubts: what a guess is unsure of."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class About(StrEnum):
    """What a doubt is about."""

    encoding = "encoding"
    topic = "topic"
    messages = "messages"
    readings = "readings"
    device = "device"
    event_time = "event_time"
    timezone = "timezone"
    fields = "fields"


class Doubt(NamedTuple):
    """One thing to look at, in words for people; ``must_ask`` where the messages do not tell at all."""

    about: About
    text: str
    must_ask: bool = False
