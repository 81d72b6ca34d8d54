"""Messages around midnight, which CloudWatch may count on the next day.

A metric may count a message in the minute after the topic rule received it; the message's envelope has the time of
receipt. Around midnight, one day then lacks published messages and the next has too many, in both lanes alike. The
difference is carried from day to day, so that none gets lost on the way: a missing message stays missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from telemetry.interval import Lane

AFTER_MIDNIGHT = timedelta(minutes=2)
"""How long after midnight CloudWatch may count messages of the day before."""


@dataclass(frozen=True)
class Midnights:
    """Messages of a day on the wrong side of its two midnights.

    ``received_before`` were published the day before, and CloudWatch counts them on the day. ``counted_after`` were
    published on the day, and CloudWatch counts them on the next.
    """

    received_before: int = 0
    counted_after: int = 0

    def correct(self, difference: int) -> int:
        """Return a lane's difference without these messages."""
        return difference - self.received_before + self.counted_after


def settle(differences: Mapping[Lane, int], received_before: int, matched_after: int) -> Midnights:
    """Explain the differences of a day's lanes by its midnights, as far as they can.

    ``received_before`` is what closing the day before found to be counted after it. ``matched_after`` is what the rule
    matched within ``AFTER_MIDNIGHT`` of the day's end: no more can be counted there. Both lanes must lack published
    messages alike. What only one has too many was delivered twice.
    """
    alike = max(difference - received_before for difference in differences.values())
    return Midnights(received_before, min(max(0, -alike), matched_after))
