"""The alarms of the settings, expanded for every stream and lane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from telemetry.config.settings import Alarm, Settings
from telemetry.contracts.model import Stream
from telemetry.interval import HOUR, Interval, Lane


def expand_alarms(settings: Settings, streams: Mapping[str, Stream]) -> Iterator[tuple[str, Alarm]]:
    """Yield every alarm with its key in the settings, which is also the name of its runbook.

    There is one for each stream, or for each lane of each stream; the placeholders in its name and its dimensions are
    filled in, and the threshold is in the metric's unit.
    """
    names = settings.names
    for stream, contract in streams.items():
        interval = longest_interval(settings.for_stream(contract).schedules.queue)
        values = {
            "prefix": names.prefix,
            "stream": stream,
            "queue": names.queue(stream),
            "dead_letter_queue": names.dead_letter_queue(stream),
        }
        for key, alarm in settings.alarms.items():
            for lane in Lane if alarm.each == "lane" else ("",):
                yield key, _fill(alarm, {**values, "lane": str(lane)}, interval)


def longest_interval(queue_schedule: str) -> timedelta:
    """Return the longest time between two runs of a schedule that is the same in every hour."""
    tick = Interval.tick(queue_schedule, datetime(2026, 1, 1, tzinfo=UTC))
    end, longest = tick.end + HOUR, tick.end - tick.start
    while tick.end < end:
        tick = Interval.tick(queue_schedule, tick.end)
        longest = max(longest, tick.end - tick.start)
    return longest


def _fill(alarm: Alarm, values: dict[str, str], queue_interval: timedelta) -> Alarm:
    unit = queue_interval.total_seconds() if alarm.threshold_unit == "queue_interval" else 1
    return alarm.model_copy(
        update={
            "name": alarm.name.format_map(values),
            "dimensions": {name: value.format_map(values) for name, value in alarm.dimensions.items()},
            "threshold": alarm.threshold * unit,
            "threshold_unit": "metric",
        }
    )
