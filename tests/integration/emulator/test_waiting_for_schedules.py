"""EventBridge schedules."""

from __future__ import annotations

from emulated import Emulator, until


def test_a_schedule_invokes_a_function(emulator: Emulator, scheduled: str) -> None:
    assert until(lambda: emulator.keys(scheduled), "the scheduled call", timeout=75) == ["called"]
