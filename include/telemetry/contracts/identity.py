"""A reading's id: two readings are the same if their ids are equal."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any

from telemetry.encodings.exact_json import dumps

BETWEEN = "\0"
"""Joins the names of a path: no name holds it, since ``exact.storable`` has escaped those that did."""


def identity_of_message(stream: str, message_id: str | int) -> str:
    """The reading id of a message that brings its own: 32 hexadecimal digits."""
    return _digest((stream, message_id))


def identity_of_values(device_id: str, event_time: datetime, values: dict[str, Any]) -> str:
    """The reading id of a message that brings none: 32 hexadecimal digits.

    ``values`` are all that the payload says, by their paths. So the id does not depend on the contract: a message is
    the same reading before and after one of its extra fields has become a column. Nor may it change with a library, or
    readings would be stored twice after an upgrade: a test holds the ids of values of every kind.
    """
    return _digest((device_id, event_time, values))


def canonical(value: Any) -> Any:
    """A number as a double where that is exact, anything else as it is: 27 and 27.0 are the same value."""
    if type(value) is int:
        number = float(value)
        return number if number == value else value
    return value


def leaves(payload: dict[str, Any], above: str = "") -> dict[str, Any]:
    """The values of a payload by their paths; an array is one value, null is none."""
    found: dict[str, Any] = {}
    for name, value in payload.items():
        if type(value) is dict:
            found.update(leaves(value, f"{above}{name}{BETWEEN}"))
        elif value is not None:
            found[above + name] = canonical(value)
    return found


def _digest(content: tuple[Any, ...]) -> str:
    return blake2b(dumps(content), digest_size=16).hexdigest()
