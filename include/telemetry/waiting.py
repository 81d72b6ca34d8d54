"""Wait for a condition, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from telemetry.errors import TelemetryError

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T | None],
    *,
    what: str,
    timeout: float,
    interval: float = 0.2,
    hint: str = "",
) -> T:
    """Return the first truthy value of ``condition``, asked every ``interval`` seconds.

    Raises:
        TelemetryError: ``what`` did not come true within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TelemetryError(f"Timed out after {timeout:g} s waiting for {what}.", hint)
        time.sleep(interval)
