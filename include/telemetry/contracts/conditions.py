"""A stream's ``where``: which messages on its topics belong to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telemetry.contracts import topics
from telemetry.contracts.json_path import parse_path
from telemetry.contracts.model import Stream
from telemetry.contracts.parts import Condition
from telemetry.contracts.places import look_up

Holds = Callable[[Any, dict[str, str], str | None], bool]
"""Takes a decoded payload, the topic's named levels, and the topic where it is known."""


def compile_conditions(stream: Stream) -> Holds:
    """Whether all conditions hold. A condition on a topic that is not known holds."""
    conditions = [_compile(condition) for condition in stream.where]
    return lambda payload, levels, topic: all(holds(payload, levels, topic) for holds in conditions)


def _compile(condition: Condition) -> Holds:
    if condition.topic is not None:
        wanted = condition.topic
        return lambda _, __, topic: topic is None or topics.matches(wanted, topic)
    steps = parse_path(condition.path).steps if condition.path else ()
    level, values, present = condition.level, condition.values, condition.present
    kinds = {(type(value) is bool, value) for value in values or ()}

    def holds(payload: Any, levels: dict[str, str], topic: str | None) -> bool:
        if level is not None and topic is None:
            return True
        value = levels.get(level) if level is not None else look_up(payload, steps)
        if present is not None:
            return (value is not None) == present
        return type(value) not in (dict, list) and (type(value) is bool, value) in kinds

    return holds
