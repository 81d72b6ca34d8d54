"""A stream's file as a function from a decoded payload to readings and rejects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from telemetry.contracts import topics
from telemetry.contracts.conditions import compile_conditions
from telemetry.contracts.json_path import parse_query
from telemetry.contracts.model import Stream
from telemetry.contracts.one_reading import Source, compile_reading
from telemetry.contracts.places import Found, matches
from telemetry.contracts.prepare import compile_preparation
from telemetry.contracts.reasons import Reason, Reject, Rejected
from telemetry.contracts.times import EPOCH
from telemetry.contracts.validate import Outcome
from telemetry.encodings.exact_json import dumps

REPEATED_BYTES_MAX = 2**20
"""Bytes of surroundings that the readings of one payload may repeat."""
ITEMS = parse_query("$[*]")


class Arrival(NamedTuple):
    """How a message came: its topic and when the topic rule took it, as far as is known, and its latest event time.

    ``received`` is a moment, or milliseconds since 1970, of which few streams need the moment.
    """

    topic: str | None
    received: datetime | int | None
    latest: datetime

    @property
    def received_at(self) -> datetime | None:
        """When the topic rule took the message."""
        return EPOCH + timedelta(milliseconds=self.received) if isinstance(self.received, int) else self.received


class Filtered(NamedTuple):
    """A payload that the stream's ``where`` leaves out."""


Read = Callable[[Any, Arrival], "list[Outcome | Filtered]"]
"""Takes a decoded payload, and uses it up. Gives at least one outcome, and raises nothing."""


def compile_reader(stream: Stream) -> Read:
    """The stream's way from payloads to readings, made once for many payloads."""
    holds = compile_conditions(stream)
    prepare_payload, prepare_reading = compile_preparation(stream)
    read_one = compile_reading(stream, prepare_reading)
    find, levels_of = _finder(stream), level_reader(stream)

    def read(payload: Any, arrival: Arrival) -> list[Outcome | Filtered]:
        try:
            levels = levels_of(arrival.topic)
            if not holds(payload, levels, arrival.topic):
                return [Filtered()]
            found = find(payload)
            prepare_payload(payload)
            source = Source(payload, levels, arrival.topic, arrival.received_at, arrival.latest)
            return [_guarded(read_one, one, source) if isinstance(one, Found) else one for one in found]
        except Rejected as rejected:
            return [rejected.reject]
        except RecursionError:
            return [TOO_DEEP]

    return read


TOO_DEEP = Reject(Reason.too_deep, "the payload nests too deep")


def _guarded(read_one: Callable[[Found, Source], Outcome], found: Found, source: Source) -> Outcome:
    try:
        return read_one(found, source)
    except Rejected as rejected:
        return rejected.reject
    except RecursionError:
        return TOO_DEEP


def _finder(stream: Stream) -> Callable[[Any], list[Found | Reject]]:
    """Finds the readings. What stands beside them is kept with each, so it is bounded while they are found."""
    query, reads_items = parse_query(stream.readings) if stream.readings else None, stream.reads_items

    def find(payload: Any) -> list[Found | Reject]:
        if query is None and (type(payload) is not list or reads_items):
            return [Found(payload, (), {})]
        found: list[Found | Reject] = []
        repeated = 0
        for one in matches(payload, ITEMS if query is None else query):
            found.append(one)
            if isinstance(one, Found) and one.surroundings:
                repeated += len(dumps(one.surroundings))
                if len(found) > 1 and repeated > REPEATED_BYTES_MAX:
                    raise Rejected(
                        Reason.too_large,
                        "the readings would repeat what the payload says beside them, more than "
                        f"{REPEATED_BYTES_MAX} bytes in all",
                    )
        return found or [Reject(Reason.not_object, "the payload holds no readings")]

    return find


def level_reader(stream: Stream) -> Callable[[str | None], dict[str, str]]:
    """The named levels of a topic; none where the topic is not known, or not the stream's."""
    numbers, topic_filter = stream.level_numbers, stream.topic

    def read(topic: str | None) -> dict[str, str]:
        if topic is None or not numbers or not topics.matches(topic_filter, topic):
            return {}
        return {name: topics.level_value(topic_filter, topic, number) for name, number in numbers.items()}

    return read
