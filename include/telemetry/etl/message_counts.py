"""Count how many messages of each day an object holds, and which of them it repeats."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime

from telemetry.lake.envelopes import day_number, day_of
from telemetry.lake.records import ParsedMessage

DAYS = b"days"
REPEATED = b"repeated"


class MessageCounts:
    """The receipts of one object; a message without an envelope was received in ``hour``, the object's partition.

    Holds the ids of the object's messages, so its memory is bounded by Firehose's buffer and by the queue's object.
    """

    def __init__(self, hour: datetime) -> None:
        self._day = day_number(hour)
        self._days: Counter[int] = Counter()
        self._known: set[str] = set()
        self._repeated = 0

    def add(self, message: ParsedMessage) -> int | None:
        """The day of a message; ``None`` where the object held the same message before."""
        if message.message_id is not None:
            if message.message_id in self._known:
                self._repeated += 1
                return None
            self._known.add(message.message_id)
        day = message.day
        if day is None:
            day = self._day
        self._days[day] += 1
        return day

    def metadata(self) -> dict[str, str]:
        """As it travels to LoadData, in the metadata of the Parquet file."""
        days = {day_of(number).isoformat(): messages for number, messages in sorted(self._days.items())}
        return {DAYS.decode(): json.dumps(days), REPEATED.decode(): str(self._repeated)}


def read_counts(metadata: Mapping[bytes, bytes]) -> tuple[Counter[date], int]:
    """Return the messages of each day and the repeated messages, from a Parquet file's metadata."""
    days = {date.fromisoformat(day): messages for day, messages in json.loads(metadata[DAYS]).items()}
    return Counter(days), int(metadata[REPEATED])
