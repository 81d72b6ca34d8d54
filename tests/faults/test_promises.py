"""The promises under any order of events: hypothesis publishes, loads, kills and injects; after each step all holds."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial as partial_of
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import etl
from emulated import Emulator, unique
from faults.cases import Case, fault
from faults.harness.gateway import (
    Behaviour,
    Gateway,
    error,
    lost_answer,
    partial,
    refuses_deletes,
    reset,
    short,
)
from faults.harness.law import Figures, holds, settled
from faults.harness.machine import Faults
from faults.harness.messages import array, corrupt, reading, readings
from faults.harness.named import DRAIN, EXTRACT, FAIL, LOAD, LOAD_QUEUE, SUMMARISE, TRANSFORM
from faults.harness.steps import Step, kill_at
from faults.harness.wire import Wire
from faults.harness.world import LoadKind, World, all_at_once, new_world
from telemetry.interval import HOUR, Interval
from telemetry.local.services.postgres import Login

PAST = datetime(2026, 3, 1, tzinfo=UTC)
TROUBLES: list[tuple[str, Behaviour]] = [
    ("s3.GetObject", error(503, "SlowDown")),
    ("s3.GetObject", partial),
    ("s3.GetObject", short),
    ("s3.PutObject", error(500, "InternalError")),
    ("s3.PutObject", lost_answer),
    ("s3.PutObject", reset),
    ("s3.ListObjectsV2", error(503, "SlowDown")),
    ("sqs.ReceiveMessage", lost_answer),
    ("sqs.ReceiveMessage", error(400, "RequestThrottled")),
    ("sqs.DeleteMessageBatch", refuses_deletes),
    ("sqs.DeleteMessageBatch", lost_answer),
    ("sqs.DeleteMessageBatch", error(500, "InternalError")),
    ("secretsmanager.GetSecretValue", error(500, "InternalServiceError")),
]
CUTS = [b"COMMIT\x00", b"INSERT INTO load_objects", b"COPY stage", b"COPY quarantine", b"UPDATE loads", b"SELECT key"]


def wrong(extract: list[Step], load: list[Step]) -> st.SearchStrategy[Any]:
    """What may go wrong in one run: kills in states' first attempts, troubles with AWS, cut connections; or nothing."""
    steps = {"ExtractData": extract, "TransformData": TRANSFORM, "LoadData": load, "Summarise": SUMMARISE}
    kills = {state: st.sampled_from(found) for state, found in {**steps, "RecordFailure": FAIL}.items()}

    def of(*states: str) -> st.SearchStrategy[Any]:
        others = {state: found for state, found in kills.items() if state not in states}
        return st.fixed_dictionaries({state: kills[state] for state in states}, optional=others)

    return st.one_of(
        of("ExtractData"),
        of("LoadData"),
        of("TransformData", "Summarise"),
        of(),
        st.tuples(st.sampled_from(TROUBLES), st.integers(1, 12)),
        st.tuples(st.sampled_from(CUTS), st.booleans()),
    )


LAKE, QUEUE = wrong(EXTRACT, LOAD), wrong(DRAIN, [*LOAD, *LOAD_QUEUE])


@dataclass
class Tally:
    """What all examples did."""

    examples: int = 0
    steps: int = 0
    messages: int = 0
    runs: int = 0
    killed: int = 0
    failed: int = 0
    unaccounted: int = 0
    twice: int = 0

    def add(self, world: World, figures: Figures) -> None:
        self.examples += 1
        self.messages += len(world.published) + len(world.recorded)
        self.runs += len(world.machines)
        self.killed += sum(len(machine.killed()) for machine in world.machines)
        self.failed += sum(ending.status == "FAILED" for ending in world.endings.values())
        self.unaccounted += figures.unaccounted
        self.twice += figures.twice


class Promises(RuleBasedStateMachine):
    """One deployment and what happens to it."""

    def __init__(self, cloud: Emulator, login: Login, folder: Path, tally: Tally) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.world = self._stack.enter_context(new_world(cloud, login, folder))
        self.gateway = self._stack.enter_context(Gateway(cloud.port))
        self.tally, self.number, self.last = tally, 0, ""
        self.handed_out: list[str] = []

    def next(self, many: int) -> range:
        self.number += many
        return range(self.number - many, self.number)

    # What devices do

    @initialize()
    def begin(self) -> None:
        self.world.publish(readings(self.next(3)))

    @rule(many=st.integers(1, 8), backwards=st.booleans(), hours_ago=st.sampled_from([0, 0, 5, 24 * 40]))
    def publish(self, many: int, backwards: bool, hours_ago: int) -> None:
        """Some messages, in order or not, of now or of long ago."""
        when = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours_ago, minutes=1)
        messages = readings(self.next(many), when)
        self.world.publish(messages[::-1] if backwards else messages)

    @rule(which=st.integers(0, 10**6), times=st.integers(1, 3))
    def duplicate(self, which: int, times: int) -> None:
        """A device sends again what it has sent, or history has it, too."""
        sent = self.world.published
        self.world.publish([sent[which % len(sent)]] * times)

    @rule(kind=st.integers(0, 6))
    def corrupt(self, kind: int) -> None:
        self.world.publish([corrupt(7 * self.next(1)[0] + kind)])

    @rule(many=st.integers(1, 4), broken=st.booleans())
    def array(self, many: int, broken: bool) -> None:
        found = [reading(number) for number in self.next(many)]
        self.world.publish([array([*found, corrupt(7 * self.next(1)[0] + 4)] if broken else found)])

    @rule(hour=st.integers(0, 3), many=st.integers(1, 6))
    def late(self, hour: int, many: int) -> None:
        """An object arrives in an hour that is long past."""
        moment = PAST + hour * HOUR
        self.world.record([*readings(self.next(many), moment), corrupt(7 * self.next(1)[0])], moment)

    @rule()
    def hand_out(self) -> None:
        """SQS hands out messages to somebody who forgets them."""
        found = etl.sqs().receive_message(QueueUrl=self.world.queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        self.handed_out += [message["Body"] for message in found.get("Messages", [])]

    @rule()
    def redeliver(self) -> None:
        """SQS hands out once more what may be deleted by now."""
        etl.send(self.world.queue, self.handed_out[:5])
        self.handed_out = self.handed_out[5:]

    # What the system does

    @rule(wrong=LAKE)
    def run_the_hour(self, wrong: Any) -> None:
        self.run("hourly", None, wrong)

    @rule(wrong=QUEUE)
    def drain_the_queue(self, wrong: Any) -> None:
        self.run("queue", None, wrong)

    @rule(wrong=LAKE)
    def run_the_day(self, wrong: Any) -> None:
        self.run("daily", Interval.day(datetime.now(UTC).date()), wrong)

    @rule(wrong=LAKE)
    def backfill(self, wrong: Any) -> None:
        self.run("daily", Interval.day(PAST.date()), wrong)

    @rule(wrong=LAKE, hour=st.integers(0, 3))
    def run_a_past_hour(self, wrong: Any, hour: int) -> None:
        self.run("hourly", Interval.hour(PAST + hour * HOUR), wrong)

    @rule(kind=st.sampled_from(["hourly", "queue", "daily"]))
    def two_at_once(self, kind: LoadKind) -> None:
        now = datetime.now(UTC)
        interval = Interval.day(PAST.date()) if kind == "daily" else Interval.hour(now)
        all_at_once(*(self.world.by_hand(kind, interval, unique("by-hand")) for _ in range(2)))

    @rule(wrong=LAKE)
    def retry(self, wrong: Any) -> None:
        """The task of the last run is tried again: the same load, the same execution."""
        self.run("hourly", None, wrong, self.last or None)

    def run(self, kind: LoadKind, interval: Interval | None, wrong: Any, run_id: str | None = None) -> None:
        self.last = run_id or unique("run")
        plan: dict[str, list[Faults]] = {}
        always: dict[str, Faults] = {}
        with ExitStack() as stack:
            match wrong:
                case dict():
                    plan = {state: [[kill_at(step)]] for state, step in wrong.items()}
                case ((str() as operation, behaviour), int() as times):
                    self.gateway.troubles.clear()
                    self.gateway.expect(operation, behaviour, times=times)
                    always = {state: [self.gateway.through(5)] for state in self.world.everywhere}
                case (bytes() as pattern, bool() as answered):
                    wire = stack.enter_context(Wire(self.world.login.port, pattern, answered=answered))
                    always = {state: [wire.through()] for state in self.world.everywhere if state != "TransformData"}
            self.world.run(kind, interval, run_id=self.last, plan=plan, always=always)

    # What must hold

    @invariant()
    def all_holds(self) -> None:
        self.tally.steps += 1
        holds(self.world)

    def teardown(self) -> None:
        with self._stack:
            if sys.exc_info()[0] is None:
                self.world.settle(PAST.date(), datetime.now(UTC).date())
                self.tally.add(self.world, settled(self.world))


@fault(
    "promises-in-any-order",
    done="a hypothesis state machine: publish, duplicate, reorder, delay, corrupt, run, drain, backfill, two at once, "
    "retry, redeliver, kill at every named step, faults of AWS and of the database, in any order",
    promised="after each step: conservation, no reading twice, exact values, raw objects unchanged, no message lost; "
    "in the end every message is in the ledger and every valid reading in the table",
)
@pytest.mark.timeout(3600)
def test_the_promises_in_any_order(
    cloud: Emulator, database: Login, contracts: None, tmp_path: Path, case: Case, pytestconfig: pytest.Config
) -> None:
    tally = Tally()
    examples: int | None = pytestconfig.getoption("--faults-examples")
    factory: Any = partial_of(Promises, cloud, database, tmp_path, tally)
    run_state_machine_as_test(
        factory,
        settings=settings(
            max_examples=examples or 4,
            stateful_step_count=20 if examples else 10,
            derandomize=examples is None,
            database=None,
            deadline=None,
            print_blob=True,
            phases=(Phase.generate,),  # an example takes too long to look for a shorter one
            suppress_health_check=list(HealthCheck),
        ),
    )
    case.saw(
        f"{tally.examples} histories, {tally.steps} steps, {tally.messages} messages, {tally.runs} executions, "
        f"{tally.killed} workers killed, {tally.failed} executions failed and made up for",
        unaccounted=tally.unaccounted,
        twice=tally.twice,
    )
