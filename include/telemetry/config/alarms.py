"""The alarms of the settings, expanded for every stream and lane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from telemetry.config.settings import Alarm, Settings
from telemetry.interval import Lane


def expand_alarms(settings: Settings, streams: Iterable[str]) -> Iterator[tuple[str, Alarm]]:
    """Yield every alarm with its key in the settings, which is also the name of its runbook.

    There is one for each stream, or for each lane of each stream; the placeholders in its name and its dimensions are
    filled in.
    """
    names = settings.names
    for stream in streams:
        values = {
            "prefix": names.prefix,
            "stream": stream,
            "queue": names.queue(stream),
            "dead_letter_queue": names.dead_letter_queue(stream),
        }
        for key, alarm in settings.alarms.items():
            for lane in Lane if alarm.each == "lane" else ("",):
                yield key, _fill(alarm, {**values, "lane": str(lane)})


def _fill(alarm: Alarm, values: dict[str, str]) -> Alarm:
    dimensions = {name: value.format_map(values) for name, value in alarm.dimensions.items()}
    return alarm.model_copy(update={"name": alarm.name.format_map(values), "dimensions": dimensions})
