"""Step Functions answers late, wrongly or not at all: an execution is started once, and its end is seen in the end.

What the tasks of a DAG run ask of Step Functions goes through the proxy. On the emulator the state machine is one state
only: to deploy the functions would take longer than all else. The executions that are there in the end are played, each
under its own name and with its own input, so that a second execution is a second load.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, TypeVar

import botocore.config
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from emulated import until
from faults.cases import Case, fault
from faults.harness.gateway import Behaviour, Gateway, error, lost_answer, partial, reset, silence
from faults.harness.law import saw
from faults.harness.messages import HOUR_START, INTERVAL, some
from faults.harness.world import World
from telemetry.aws.executions import describe_execution, input_of, open_reason, start_or_attach
from telemetry.warehouse import ledger
from telemetry.warehouse.ledger import Load

T = TypeVar("T")

PATIENCE = 0.5
"""Seconds that a task waits for an answer of AWS, where a minute is the setting."""
ASKED = 6
"""How often the client asks before it gives up: once, and five retries by its setting."""


class Given(NamedTuple):
    """Step Functions behaves so, so many times; ``tries`` of the task are needed."""

    behaviour: Behaviour
    times: int
    tries: int = 1


def case_of(id: str, done: str, promised: str, given: Given, *, long: bool = False) -> object:
    return pytest.param(given, id=id, marks=fault(f"step-functions-{id}", done=done, promised=promised, long=long))


def answer_too_late(request: Any, body: bytes) -> None:
    """The execution is started, and the answer does not come before the client has lost its patience."""
    request.ask(body)
    silence(request, body)


ONCE = "one execution under the load's name, and one load"
ATTACHED = "the client's retry is given the execution that was started: one execution, one load"
START = [
    case_of("start-throttled", "StartExecution is throttled, three times", ONCE,
            Given(error(400, "ThrottlingException"), 3), long=True),
    case_of("start-throttled-for-long", "StartExecution is throttled, more often than the client asks",
            "the task's retry starts it under the same name: one execution, one load",
            Given(error(400, "ThrottlingException"), ASKED + 1, tries=2)),
    case_of("start-500", "StartExecution is answered with 500, twice", ONCE,
            Given(error(500, "InternalServerError"), 2)),
    case_of("start-silent", "StartExecution is not answered, twice", ONCE, Given(silence, 2)),
    case_of("start-reset", "the connection is reset at StartExecution, before it is acted on", ONCE,
            Given(reset, 2), long=True),
    case_of("start-answer-lost", "the execution is started, and the answer is lost", ATTACHED,
            Given(lost_answer, 1)),
    case_of("start-answer-too-late", "the execution is started, and the answer comes too late", ATTACHED,
            Given(answer_too_late, 1)),
    case_of("start-answer-partial", "the execution is started, and the answer breaks off in its middle", ATTACHED,
            Given(partial, 1), long=True),
    case_of("start-answer-lost-for-long", "the execution is started, and every answer to the client is lost",
            "the task's retry attaches to it: one execution, one load", Given(lost_answer, ASKED, tries=2)),
]  # fmt: skip
SEEN = "the load stays open while the execution runs, and is closed with the true reason after it was stopped"
DESCRIBE = [
    case_of("describe-throttled", "DescribeExecution is throttled, three times", SEEN,
            Given(error(400, "ThrottlingException"), 3)),
    case_of("describe-500-for-long", "DescribeExecution is answered with 500, as often as the client asks",
            f"the task fails and closes nothing; by its retry {SEEN}",
            Given(error(500, "InternalServerError"), ASKED, tries=2)),
    case_of("describe-reset", "the connection is reset at DescribeExecution, twice", SEEN, Given(reset, 2), long=True),
]  # fmt: skip


@pytest.fixture
def gateway(world: World) -> Iterator[Gateway]:
    with Gateway(world.cloud.port) as made:
        yield made


@pytest.fixture
def machine(world: World) -> Iterator[str]:
    """A state machine whose executions run until they are stopped."""
    made = world.cloud.state_machine({"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}})
    yield made
    stop_all(world, made)


@pytest.mark.parametrize("given", START)
def test_an_execution_is_started_once(world: World, case: Case, gateway: Gateway, machine: str, given: Given) -> None:
    world.record(some(), HOUR_START)
    trouble = gateway.expect("stepfunctions.StartExecution", given.behaviour, times=given.times)
    arn, tries = start(world, gateway, machine)
    assert (trouble.met, tries) == (given.times, given.tries)
    saw(world, case, one_execution_one_load(world, gateway, machine, arn))


@fault(
    "step-functions-start-answer-lost-after-its-end",
    done="the execution is started and ends, and only then is the answer lost",
    promised="the client's retry is refused, for the name is taken, and attaches: one execution, one load",
)
def test_an_answer_is_lost_after_the_end(world: World, case: Case, gateway: Gateway) -> None:
    machine = world.cloud.state_machine({"Pass": {"Type": "Pass", "End": True}})

    def lost(request: Any, body: bytes) -> None:
        request.ask(body)
        until(lambda: executions(world, machine)[0]["status"] == "SUCCEEDED", "the execution to end")
        request.cut()

    world.record(some(), HOUR_START)
    trouble = gateway.expect("stepfunctions.StartExecution", lost)
    arn, tries = start(world, gateway, machine)
    assert (trouble.met, tries) == (1, 1)
    saw(world, case, one_execution_one_load(world, gateway, machine, arn))


@pytest.mark.parametrize("given", DESCRIBE)
def test_its_end_is_seen(world: World, case: Case, gateway: Gateway, machine: str, given: Given) -> None:
    world.record(some(), HOUR_START)
    arn, _ = start(world, gateway, machine)
    while_it_runs = gateway.expect("stepfunctions.DescribeExecution", given.behaviour, times=given.times)
    load, tries = record(world, gateway, arn)
    assert (load.status, while_it_runs.met, tries) == ("running", given.times, given.tries)

    stop_all(world, machine)
    after_its_end = gateway.expect("stepfunctions.DescribeExecution", given.behaviour, times=given.times)
    load, tries = record(world, gateway, arn)
    assert (load.status, after_its_end.met, tries) == ("failed", given.times, given.tries)
    assert load.error == f"The execution {load.execution_name} was stopped by hand."

    assert world.run("hourly", INTERVAL, run_id="cleared").status == "SUCCEEDED"
    loads = world.rows("SELECT status FROM loads ORDER BY load_id")
    assert loads == [("failed",), ("succeeded",)]
    asked = gateway.asked.count("stepfunctions.DescribeExecution")
    saw(world, case, f"asked {asked} times for two answers, closed once as stopped by hand, loaded by the next run")


def start(world: World, gateway: Gateway, machine: str) -> tuple[str, int]:
    """The execution that the task ``run_etl`` waits for (``EtlOperator``), and how many tries of the task it took."""

    def task() -> str:
        load = world.open("hourly", INTERVAL, "the-run")
        with through(gateway):
            return start_or_attach(machine, load.execution_name, input_of(load.stream, "hourly", INTERVAL))

    return tried(task)


def record(world: World, gateway: Gateway, arn: str) -> tuple[Load, int]:
    """The load as the task ``record_load`` leaves it (``RecordLoadOperator``), and how many tries of the task it took.

    No try that failed may have closed it.
    """

    def task() -> Load:
        load = world.open("hourly", INTERVAL, "the-run")
        assert load.status == "running"
        with through(gateway):
            why = open_reason(load.execution_name, describe_execution(arn))
        with closing(world.login.connect()) as connection:
            return ledger.close_load(connection, load.load_id, status="failed", error=why) if why else load

    return tried(task)


def tried(task: Callable[[], T]) -> tuple[T, int]:
    """What a task gives, which Airflow tries again after any error; and which try it was."""
    for number in (1, 2):
        try:
            return task(), number
        except (BotoCoreError, ClientError):
            continue
    return task(), 3


@contextmanager
def through(gateway: Gateway) -> Iterator[None]:
    """Meanwhile this process reaches AWS by the gateway, with little patience and no pause between retries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)
        patch.setenv("AWS_ENDPOINT_URL", gateway.url)
        patch.setattr(botocore.config, "Config", botocore.config.Config)  # the patch puts back what `through` replaces
        gateway.through(PATIENCE)()
        yield


def one_execution_one_load(world: World, gateway: Gateway, machine: str, arn: str) -> str:
    """Play every execution there is: it is the one that the task waits for, and its load is the only one."""
    found = executions(world, machine)
    for execution in found:
        played, _ = world.by_hand("hourly", INTERVAL, execution["name"])
        assert played.run(execution["input"]).status == "SUCCEEDED"
    loads = world.rows("SELECT execution_name, status FROM loads")
    assert [execution["executionArn"] for execution in found] == [arn], f"{len(found)} executions, {len(loads)} loads"
    assert loads == [(found[0]["name"], "succeeded")]
    asked = gateway.asked.count("stepfunctions.StartExecution")
    return f"asked {asked} times, {len(found)} execution, {len(loads)} load"


def executions(world: World, machine: str) -> list[dict[str, Any]]:
    """All that were started, with what each was given."""
    client = world.local.client("stepfunctions")
    listed = client.list_executions(stateMachineArn=machine)["executions"]
    described = [client.describe_execution(executionArn=execution["executionArn"]) for execution in listed]
    return [{**execution, "input": json.loads(execution["input"])} for execution in described]


def stop_all(world: World, machine: str) -> None:
    for execution in executions(world, machine):
        if execution["status"] == "RUNNING":
            world.local.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])
