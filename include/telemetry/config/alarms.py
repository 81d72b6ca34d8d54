"""The alarms of the settings, for the streams that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from telemetry.config.settings import Alarm, Settings
from telemetry.interval import Lane


def alarms_of(settings: Settings, streams: Iterable[str]) -> Iterator[tuple[str, Alarm]]:
    """Every alarm with its key in the settings, which is its runbook's name.

    Each stream, or each lane of each stream, has its own; the templates in its name and its dimensions are filled.
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
                yield key, _filled(alarm, {**values, "lane": str(lane)})


def _filled(alarm: Alarm, values: dict[str, str]) -> Alarm:
    dimensions = {name: value.format_map(values) for name, value in alarm.dimensions.items()}
    return alarm.model_copy(update={"name": alarm.name.format_map(values), "dimensions": dimensions})
