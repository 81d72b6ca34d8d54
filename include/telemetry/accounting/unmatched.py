"""Messages on topics that no stream takes. They are in no lane, and the conservation law does not count them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from telemetry.aws.metrics import DAY, MINUTE, published, published_by, sums
from telemetry.config.names import Names

PROTOCOLS = ("MQTT", "HTTP")
"""The values of the dimension Protocol (AWS IoT Core developer guide, "AWS IoT metrics and dimensions")."""


@dataclass(frozen=True)
class Unmatched:
    """At least so many ``messages`` came since then that no stream's topic rule matched."""

    since: datetime
    messages: int


def count_unmatched(cloudwatch: Any, names: Names, streams: Iterable[str], until: datetime) -> Unmatched:
    """The messages of the day that ends at ``until``: all that were published, less what the streams' rules matched.

    A message that two rules match is subtracted twice: there may be more. AWS's account may be shared: they need not
    be telemetry.
    """
    came, matched = [published_by(one) for one in PROTOCOLS], [published(names, stream) for stream in streams]
    until = until.replace(second=0, microsecond=0)
    counts = sums(cloudwatch, [*came, *matched], until - DAY, until, MINUTE)
    number = sum(counts[one] for one in came) - sum(counts[one] for one in matched)
    return Unmatched(until - DAY, max(0, number))
