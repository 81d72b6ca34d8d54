"""The settings: faults are found when the file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry.errors import TelemetryError
from telemetry.interval import Lane
from telemetry.local.provision.alarms import wanted_alarms
from telemetry.local.provision.deployment import LocalDeployment
from telemetry.paths import SETTINGS


def changed(folder: Path, old: str, new: str) -> Path:
    """The settings with one text changed."""
    text = SETTINGS.read_text()
    assert text.count(old) >= 1
    path = folder / "settings.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  prefix: iot ", "  prefix: iot- ", "names.prefix: String should match pattern"),
        ("  prefix: iot ", "  prefix: a-prefix-too-long ", "names.prefix: String should have at most 14 characters"),
        ('  queue: "{prefix}-{stream}', '  queue: "{prefix}', "names.queue: String should match pattern"),
        ("  trailing_days: 7", "  trailing_weeks: 1", "quality.trailing_days: Field required"),
        ("volume_history_days_min: 3", "volume_history_days_min: 8", "quality.volume_history_days_min: 8 is more than"),
        (
            'hourly: "0 * * * *"',
            'hourly: "0 */6 * * *"',
            "schedules.hourly: '0 */6 * * *' is not a cron expression that",
        ),
        ("{prefix}-{stream}-queue-age", "{prefix}-queue-age", "is not unique for each stream"),
        ("{prefix}-{stream}-{lane}-unaccounted", "{prefix}-{stream}-unaccounted", "is not unique for each lane"),
        ('Lane: "{lane}"', 'Lane: "{line}"', "alarms.unaccounted_messages.dimensions.Lane: String should match"),
    ],
)
def test_a_faulty_setting_is_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(TelemetryError) as refusal:
        load_settings(changed(tmp_path, old, new), {})
    assert fault in str(refusal.value)


def test_every_stream_and_lane_has_alarms_of_its_own() -> None:
    settings, streams = load_settings(), load_streams()
    alarms = {
        alarm["AlarmName"]: alarm for alarm in wanted_alarms(LocalDeployment("http://127.0.0.1:1", settings, streams))
    }
    each = [1 if alarm.each == "stream" else len(Lane) for alarm in settings.alarms.values()]
    assert len(alarms) == len(streams) * sum(each)
    assert all(len(name) <= 255 and name.startswith("iot-") for name in alarms)
    assert alarms["iot-telemetry-queue-age"]["Threshold"] == 1800
    lake = alarms["iot-telemetry-lake-unaccounted-messages"]
    assert lake["Dimensions"] == [{"Name": "Lane", "Value": "lake"}, {"Name": "Stream", "Value": "telemetry"}]
    assert lake["Threshold"] == 0
    assert alarms["iot-telemetry-dead-letters"]["Dimensions"][0]["Value"] == settings.names.dead_letter_queue(
        "telemetry"
    )
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms.values()} == {
        ("arn:aws:sns:eu-west-1:000000000000:iot-telemetry-alarms",)
    }
