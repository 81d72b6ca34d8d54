"""SIGKILL of a worker at every named step of every function, as Lambda ends a sandbox: its retry finds what it left."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from faults.cases import Case, fault
from faults.harness.law import holds, saw
from faults.harness.messages import Message, array, corrupt, long_corrupt, reading, readings
from faults.harness.named import DRAIN, EXTRACT, FAIL, LOAD, LOAD_QUEUE, MERGE, SUMMARISE, TRANSFORM
from faults.harness.steps import Step, kill_at, raise_at, statement
from faults.harness.world import World
from telemetry.interval import Interval

HOUR = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHORT = {
    "after PutObject of manifests",
    "after PutObject of queue-data",
    "after DeleteMessageBatch",
    "after PutObject of quarantine-data",
    "in the middle of COPY of the readings",
    "before 2nd COMMIT",
    "after 2nd COMMIT",
}
"""Where the promises are the nearest to being broken: `make test` kills here, `make faults` at every step."""


def killed(function: str, steps: Iterable[Step], promised: str) -> pytest.MarkDecorator:
    """A case for each step."""
    return pytest.mark.parametrize(
        "step",
        [
            pytest.param(
                step,
                id=step.name.replace(" ", "-"),
                marks=fault(
                    f"kill-{function}-{step.name}".replace(" ", "-").replace("/", "-").replace("'", ""),
                    done=f"SIGKILL of {function} {step}",
                    promised=promised,
                    long=step.name not in SHORT,
                ),
            )
            for step in steps
        ],
    )


def mixture(when: datetime, start: int = 0) -> list[Message]:
    """What fills more than one chunk of each COPY."""
    return [
        *readings(range(start, start + 120), when),
        *(corrupt(start + kind) for kind in range(7) if b"\n" not in corrupt(start + kind).payload and kind != 5),
        long_corrupt(start),
        array([reading(start + 200, when), reading(start + 201, when)]),
    ]


@pytest.fixture
def recorded(world: World) -> World:
    """Two raw objects of one hour, which have readings in common."""
    when = HOUR - timedelta(minutes=1)
    world.record(mixture(when), HOUR)
    world.record([*mixture(when, 1000), *readings(range(30), when)], HOUR)
    return world


def check_lake(world: World, case: Case, state: str, step: Step) -> None:
    """The execution survives the kill, and nothing is left to do."""
    ending = world.run("hourly", Interval.hour(HOUR), plan={state: [[kill_at(step)]]})
    assert world.machines[-1].killed() == [state], "the step was not reached"
    assert ending.status == "SUCCEEDED", ending
    saw(world, case, "the second attempt went through")


@killed("ExtractData", EXTRACT, "its retry finds the same objects")
def test_a_kill_during_extraction(recorded: World, case: Case, step: Step) -> None:
    check_lake(recorded, case, "ExtractData", step)


@killed("TransformData", TRANSFORM, "its retry writes the same files")
def test_a_kill_during_transformation(recorded: World, case: Case, step: Step) -> None:
    check_lake(recorded, case, "TransformData", step)


@killed("LoadData", LOAD, "an object's rows and its place in the ledger are there both or not at all")
def test_a_kill_during_a_load(recorded: World, case: Case, step: Step) -> None:
    check_lake(recorded, case, "LoadData", step)


@killed("Summarise", SUMMARISE, "the load is on the record, as succeeded")
def test_a_kill_during_the_summary(recorded: World, case: Case, step: Step) -> None:
    check_lake(recorded, case, "Summarise", step)
    assert recorded.rows("SELECT status FROM loads") == [("succeeded",)]


@killed("RecordFailure", FAIL, "the failed load is on the record, and the next one takes what it lacks")
def test_a_kill_while_a_failure_is_recorded(recorded: World, case: Case, step: Step) -> None:
    broken = raise_at(statement(MERGE, "before"), RuntimeError("broken for this test"))
    ending = recorded.run(
        "hourly", Interval.hour(HOUR), plan={"RecordFailure": [[kill_at(step)]]}, always={"LoadData": [broken]}
    )
    assert recorded.machines[-1].killed() == ["RecordFailure"], "the step was not reached"
    assert ending.status == "FAILED"
    assert len(recorded.machines[-1].notified) == 1
    ((status, error),) = recorded.rows("SELECT status, error FROM loads")
    assert status == "failed"
    assert "1 objects of the load were not loaded" in error
    holds(recorded)
    assert recorded.run("hourly", Interval.hour(HOUR)).status == "SUCCEEDED"
    saw(recorded, case, "failed on the record; the next load took the object that it lacked")


@pytest.fixture
def published(world: World) -> World:
    """Messages in both lanes, more than one queue object of them."""
    world.publish([*readings(range(70)), *map(corrupt, range(7)), array(readings(range(100, 103)))])
    return world


def check_queue(world: World, case: Case, state: str, step: Step) -> None:
    """Whatever the execution made of the kill, the next loads take all."""
    ending = world.run("queue", plan={state: [[kill_at(step)]]})
    assert world.machines[-1].killed() == [state], "the step was not reached"
    assert ending.status == "SUCCEEDED", ending
    holds(world)
    world.settle()
    ((redelivered,),) = world.rows("SELECT sum(redelivered) FROM load_objects")
    saw(world, case, f"{redelivered} messages came again and were known")


@killed("ExtractData", DRAIN, "every message is in the queue or in an object; one in both is counted once")
def test_a_kill_during_a_drain(published: World, case: Case, step: Step) -> None:
    check_queue(published, case, "ExtractData", step)


@killed("LoadData (queue)", LOAD_QUEUE, "the messages' ids are remembered with their rows or not at all")
def test_a_kill_during_a_load_of_the_queue(published: World, case: Case, step: Step) -> None:
    check_queue(published, case, "LoadData", step)
