"""Quality checks of a day, against the bounds of the settings and against the days before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from telemetry.config.settings import Quality
from telemetry.contracts.model import Stream
from telemetry.contracts.reasons import Reason
from telemetry.interval import Interval
from telemetry.warehouse import load_objects, quarantine, readings, rollup
from telemetry.warehouse.connection import Cursor
from telemetry.warehouse.quality_checks import QualityCheck
from telemetry.warehouse.reconciliations import Reconciliation

SILENT_NAMED = 10
"""How many silent devices are named."""


class CheckName(StrEnum):
    """The names of the checks."""

    volume = "volume"
    """The day's readings."""
    null_rate = "null_rate"
    """The part of the day's readings that lack an optional field."""
    out_of_range_rate = "out_of_range_rate"
    """The part of the rows that arrived on the day, and were quarantined as out of range."""
    quarantine_rate = "quarantine_rate"
    """The part of the rows that arrived on the day, and were quarantined for any reason."""
    surplus_rate = "surplus_rate"
    """The fraction of a lane's messages that were delivered more often than they were published."""
    silent_devices = "silent_devices"
    """Devices with readings in the days before, and none on the day."""


@dataclass(frozen=True)
class DayQuality:
    """The checks of a day whose rollup is computed, within the caller's transaction."""

    cursor: Cursor
    stream: Stream
    day: date
    bounds: Quality

    def checks(self) -> list[QualityCheck]:
        """Run every check."""
        return [self._volume(), *self._null_rates(), *self._reject_rates(), self._silent_devices()]

    def silent_devices(self) -> list[str]:
        """The first ``SILENT_NAMED`` of the devices that are silent on the day."""
        return rollup.list_silent_devices(self.cursor, self.stream, self._first, self.day, SILENT_NAMED)

    @property
    def _first(self) -> date:
        """The first of the days before to which the day is compared."""
        return self.day - timedelta(days=self.bounds.trailing_days)

    def _volume(self) -> QualityCheck:
        """Against the mean of those days before that have readings; of too few days nothing follows."""
        volume = rollup.daily_volume(self.cursor, self.stream, self._first, self.day)
        if volume.days_before < self.bounds.volume_history_days_min:
            return QualityCheck(CheckName.volume, volume.readings)
        mean = volume.readings_before / volume.days_before
        low, high = self.bounds.volume_ratio_low * mean, self.bounds.volume_ratio_high * mean
        return QualityCheck(CheckName.volume, volume.readings, low, high)

    def _null_rates(self) -> Iterator[QualityCheck]:
        optional = [name for name, field in self.stream.fields.items() if not field.required]
        total, present = readings.count_values(self.cursor, self.stream, Interval.day(self.day), optional)
        for name, number in zip(optional, present, strict=True):
            rate = _rate(total - number, total)
            yield QualityCheck(CheckName.null_rate, rate, high=self.bounds.null_rate_max, subject=name)

    def _reject_rates(self) -> Iterator[QualityCheck]:
        """Check the rows of both lanes; a message that is bad in one is bad in the other."""
        stream, span, bounds = self.stream.stream, Interval.day(self.day), self.bounds
        rows = load_objects.count_rows(self.cursor, stream, span)
        out_of_range = _rate(quarantine.count_rows(self.cursor, stream, span, Reason.out_of_range), rows.rows_read)
        yield QualityCheck(CheckName.out_of_range_rate, out_of_range, high=bounds.out_of_range_rate_max)
        quarantined = _rate(rows.quarantined, rows.rows_read)
        yield QualityCheck(CheckName.quarantine_rate, quarantined, high=bounds.quarantine_rate_max)

    def _silent_devices(self) -> QualityCheck:
        number = rollup.count_silent_devices(self.cursor, self.stream, self._first, self.day)
        return QualityCheck(CheckName.silent_devices, number, high=self.bounds.silent_devices_max)


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def surplus_checks(reconciliations: Iterable[Reconciliation], bounds: Quality) -> Iterator[QualityCheck]:
    """Check each lane. Firehose delivers at least once, so a few messages twice are to be expected, and harmless."""
    for lane in reconciliations:
        rate = _rate(lane.surplus, lane.published or lane.surplus)
        yield QualityCheck(CheckName.surplus_rate, rate, high=bounds.surplus_rate_max, subject=lane.lane)
