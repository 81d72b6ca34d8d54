"""The scope of a count: which messages are counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from telemetry.interval import DayRange
from telemetry.lake.history import history_records

ALL_DAYS = DayRange(date.min, date.max)


@dataclass(frozen=True)
class Scope:
    """The days of receipt whose messages are counted: ``received`` those of published messages, ``history`` those of
    the records in history objects. Where ``received`` is ``None``, history alone is counted.
    """

    received: DayRange | None
    history: DayRange

    @classmethod
    def since(cls, day: date) -> Self:
        """Messages received on a day or later, and all history."""
        return cls(DayRange(day, date.max), ALL_DAYS)

    @classmethod
    def of_day(cls, day: date) -> Self:
        """Messages received on a day, including history."""
        return cls(DayRange(day, day), DayRange(day, day))

    @classmethod
    def history_of_day(cls, day: date) -> Self:
        """A day's history alone."""
        return cls(None, DayRange(day, day))

    def days(self, key: str) -> DayRange | None:
        """The days whose messages are counted of the object with that key; ``None`` where none are."""
        return self.received if history_records(key) is None else self.history
