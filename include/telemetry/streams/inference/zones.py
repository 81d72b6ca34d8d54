"""Guess the time zone of times without an offset."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from telemetry.streams.inference.times import is_local, local_time

ZONES = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Athens", "Europe/Moscow", "Asia/Dubai", "Asia/Karachi",
    "Asia/Kolkata", "Asia/Dhaka", "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Brisbane",
    "Australia/Sydney", "Pacific/Auckland", "America/Sao_Paulo", "America/New_York", "America/Chicago",
    "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
)  # fmt: skip
"""One for each of the usual offsets and ways of summer time; of several that fit, the first."""
ON_TIME = timedelta(minutes=15)


def guess_zone(pairs: Sequence[tuple[Any, datetime | None]]) -> str | None:
    """The zone in which most local times are just before their message's arrival, if that is half of them."""
    moments = [
        (local, arrived)
        for value, arrived in pairs
        if arrived is not None and is_local(value) and (local := local_time(value)) is not None
    ]
    fitting = {
        name: sum(
            abs(local.replace(tzinfo=ZoneInfo(name)).astimezone(UTC) - arrived) <= ON_TIME for local, arrived in moments
        )
        for name in ZONES
    }
    best = max(fitting, key=lambda name: fitting[name])
    return best if moments and fitting[best] * 2 >= len(moments) else None
