"""When live messages are measured, and how fast they are published."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from telemetry.devices.messages import DeviceMessage
from telemetry.interval import Interval

LIVE_SPAN = timedelta(minutes=10)


def live_span() -> Interval:
    """The last minutes: the event times of messages that are simulated and published now."""
    now = datetime.now(UTC)
    return Interval(now - LIVE_SPAN, now)


def paced(messages: Iterable[DeviceMessage], rate: float) -> Iterator[DeviceMessage]:
    """The messages, at most ``rate`` per second; 0 means no limit."""
    start = time.monotonic()
    for number, message in enumerate(messages):
        if rate and (ahead := start + number / rate - time.monotonic()) > 0:
            time.sleep(ahead)
        yield message
