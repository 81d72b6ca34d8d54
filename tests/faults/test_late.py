"""What comes late or at the wrong time: late objects, and clocks of devices and of functions that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from faults.cases import Case, fault
from faults.harness.law import holds, saw
from faults.harness.messages import DAY, HOUR_START, INTERVAL, Message, corrupt, reading, readings, some
from faults.harness.steps import call, kill_at
from faults.harness.worker import Fault
from faults.harness.world import World
from telemetry.config.settings import load_settings
from telemetry.interval import HOUR, Interval


@fault(
    "late-object-within-look-back",
    done="an object arrives in an hour that was loaded already",
    promised="the next hour looks back and takes it",
)
def test_a_late_object(world: World, case: Case) -> None:
    world.record(some(), HOUR_START)
    world.run("hourly", INTERVAL)
    world.record(some(1000), HOUR_START)
    assert world.run("hourly", Interval.hour(HOUR_START + HOUR)).output["objects"] == 1
    saw(world, case, "taken by the next hour")


@fault(
    "late-object-beyond-look-back",
    done="an object arrives in an hour that no hourly load looks back to any more",
    promised="the day takes it",
)
def test_a_very_late_object(world: World, case: Case) -> None:
    hours = load_settings().schedules.look_back_hours + 1
    world.run("hourly", INTERVAL)
    world.record(some(), HOUR_START)
    assert world.run("hourly", Interval.hour(HOUR_START + hours * HOUR)).output["objects"] == 0
    assert world.run("daily", DAY).output["objects"] == 1
    saw(world, case, "left by the hour, taken by the day")


@fault(
    "device-clocks-wrong",
    done="devices send readings of 1970, of 50 minutes ahead, and of 2999",
    promised="what is possible is stored exactly, what is not is in quarantine with its bytes",
)
def test_device_clocks_are_wrong(world: World, case: Case) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    future = reading(3, datetime(2999, 1, 1, tzinfo=UTC)).payload
    world.publish(
        [
            reading(1, datetime(1970, 1, 1, tzinfo=UTC)),
            reading(2, now + timedelta(minutes=50)),
            Message(future, rejects=(future,)),
        ]
    )
    world.run("queue")
    world.settle()
    assert world.rows("SELECT DISTINCT reason FROM quarantine") == [("future_timestamp",)]
    saw(world, case, "two stored, one in quarantine")


def clock(*moments: datetime) -> Fault:
    """The worker's clock, as the drain reads it: the moments one after the other, then the last for ever."""

    def arrange() -> None:
        import telemetry.etl.drain
        import telemetry.etl.extract

        left = list(moments)

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return left.pop(0) if len(left) > 1 else left[0]

        for module in (telemetry.etl.drain, telemetry.etl.extract):
            module.datetime = Clock  # type: ignore[attr-defined]

    return arrange


@pytest.mark.parametrize(
    "hours",
    [
        pytest.param(hours, marks=fault(f"drain-clock-{hours:+d}-hours", done=f"a drain's clock is {hours:+d} h off, "
                     "and it dies before its manifest", promised="its objects, in the wrong hour, are taken all the "
                     "same: by the next drain or by the day"))
        for hours in (-1, 1, 2)
    ],
)  # fmt: skip
def test_the_clock_of_a_drain_is_wrong(world: World, case: Case, hours: int) -> None:
    world.publish([*readings(range(30)), corrupt(0)])
    wrong = datetime.now(UTC) + timedelta(hours=hours)
    died = kill_at(call("s3", "PutObject", "before", of="manifests/"))
    world.run("queue", plan={"ExtractData": [[clock(wrong), died]] * 5})
    holds(world)
    world.settle(*sorted({datetime.now(UTC).date(), wrong.date()}))
    saw(world, case, f"{len(world.keys('queue-data/'))} queue objects, all loaded")


@fault(
    "drain-across-the-hour",
    done="the hour changes while a queue is drained",
    promised="the same load takes the objects of both hours",
)
def test_a_drain_across_an_hour_boundary(world: World, case: Case) -> None:
    world.publish([*readings(range(90)), corrupt(0)])
    this = Interval.hour(datetime.now(UTC)).start
    before = this - timedelta(milliseconds=1)
    began = datetime.now(UTC)
    ending = world.run("queue", plan={"ExtractData": [[clock(began, before, this, this)]]})
    assert ending.output["objects"] == len(world.keys("queue-data/"))
    hours = {key.rsplit("/", 1)[0] for key in world.keys("queue-data/")}
    assert len(hours) == 2
    world.settle()
    saw(world, case, f"{ending.output['objects']} objects of two hours by one load")
