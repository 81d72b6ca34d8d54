"""The messages of devices, and access to the values of a payload by dotted paths."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from telemetry.errors import TelemetryError

PAYLOAD_BYTES_MAX = 128 * 1024
"""AWS IoT Core refuses a larger payload (AWS IoT Core message broker and protocol limits and quotas)."""


class DeviceMessage(NamedTuple):
    """One message as a device publishes it.

    ``moment`` is when it was sent, for a recorded message its event time; ``None`` if that is not known.
    ``topic`` is the topic that it was recorded on, if that is known.
    """

    device_id: str
    payload: bytes
    moment: datetime | None
    topic: str | None = None


def check_size(where: str, payload: bytes) -> None:
    """Let pass a payload that AWS IoT Core takes.

    Raises:
        TelemetryError: it is larger; the message begins with ``where``.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise TelemetryError(
            f"{where}: the payload has {len(payload):,} bytes; AWS IoT Core takes {PAYLOAD_BYTES_MAX:,} at most."
        )


def put_at(document: dict[str, Any], path: str, value: object) -> None:
    """Set the value at a dotted ``path``; objects on the way are created, and must not be values of another kind."""
    *way, name = path.split(".")
    for step in way:
        document = document.setdefault(step, {})
    document[name] = value


def value_at(document: object, path: str) -> Any:
    """The value at a dotted ``path``; ``None`` if there is none."""
    for step in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(step)
    return document


def remove_at(document: dict[str, Any], path: str) -> None:
    """Remove the value at a dotted ``path``, which must be there."""
    *way, name = path.split(".")
    for step in way:
        document = document[step]
    del document[name]
