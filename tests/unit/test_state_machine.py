"""The state machine's definition: what two linters and AWS's best practices ask of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from statelint.linter import Linter

from npm_linters import install
from telemetry.config.settings import load_settings
from telemetry.local.provision.workflow import definition
from telemetry.paths import STATE_MACHINE

# https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html, "Handle transient Lambda exceptions"
LAMBDA_FAULTS = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
# statelint knows the language's specification, which leaves readers to AWS, and AWS asks for the type of what is read.
# https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
OF_AWS = ['Field "InputType" not allowed in State Machine.States.LoadObjects.ItemReader.ReaderConfig']

MACHINE = json.loads(STATE_MACHINE.read_text())


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


TASKS = {name: state for name, state in states(MACHINE) if state["Type"] == "Task"}
INVOCATIONS = {name: state for name, state in TASKS.items() if state["Resource"].endswith(":lambda:invoke")}


def test_statelint_finds_nothing() -> None:
    assert Linter.validate(str(STATE_MACHINE)) == OF_AWS


def test_asl_validator_finds_nothing() -> None:
    installed = install("asl-validator") / "node_modules" / ".bin" / "asl-validator"
    done = subprocess.run([installed, "--json-path", STATE_MACHINE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", TASKS)
def test_every_task_retries_with_backoff_and_jitter(name: str) -> None:
    for retrier in TASKS[name]["Retry"]:
        if retrier["MaxAttempts"]:
            assert retrier["BackoffRate"] > 1
            assert retrier["JitterStrategy"] == "FULL"
            assert retrier["IntervalSeconds"] <= retrier["MaxDelaySeconds"]


@pytest.mark.parametrize("name", INVOCATIONS)
def test_every_invocation_retries_lambda_service_errors(name: str) -> None:
    retried = {
        error for retrier in INVOCATIONS[name]["Retry"] if retrier["MaxAttempts"] for error in retrier["ErrorEquals"]
    }
    assert retried >= LAMBDA_FAULTS


@pytest.mark.parametrize("name", INVOCATIONS)
def test_an_error_that_needs_a_person_is_not_retried(name: str) -> None:
    first = INVOCATIONS[name]["Retry"][0]
    assert (first["ErrorEquals"], first["MaxAttempts"]) == (["TelemetryError"], 0)


@pytest.mark.parametrize("name", INVOCATIONS)
def test_a_task_waits_longer_than_its_function_may_run(name: str) -> None:
    timeouts = {f"${{{function.name}Arn}}": function.timeout_seconds for _, function in load_settings().functions}
    assert INVOCATIONS[name]["TimeoutSeconds"] > timeouts[INVOCATIONS[name]["Parameters"]["FunctionName"]]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_catches_everything(name: str) -> None:
    assert [catcher["ErrorEquals"] for catcher in TASKS[name]["Catch"]] == [["States.ALL"]]


def test_every_failure_is_recorded_and_notified() -> None:
    top = MACHINE["States"]
    for name in ("ExtractData", "LoadObjects", "Summarise"):
        assert top[name]["Catch"][0]["Next"] == "RecordFailure"
    for state in (top["RecordFailure"], top["RecordFailure"]["Catch"][0]):
        assert state["Next"] == "NotifyFailure"
    for state in (top["NotifyFailure"], top["NotifyFailure"]["Catch"][0]):
        assert state["Next"] == "LoadFailed"
    assert top["LoadFailed"]["Type"] == "Fail"


def test_placeholders_are_filled_and_references_kept() -> None:
    values = {f"{function.name}Arn": f"arn:{function.name}" for _, function in load_settings().functions}
    filled = definition(values | {"AlarmTopicArn": "arn:topic"})
    assert "${" not in filled
    assert json.loads(filled)["States"]["ExtractData"]["Parameters"]["FunctionName"] == "arn:DataExtractionFunction"
    assert filled.count("$$.Execution.Name") == STATE_MACHINE.read_text().count("$$.Execution.Name") > 0


def test_every_reference_is_marked_as_one() -> None:
    """A value that starts with $ and whose key does not end in .$ would be passed on as that text."""

    def unmarked(value: Any, key: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            for name, part in value.items():
                yield from unmarked(part, name)
        elif isinstance(value, list):
            for part in value:
                yield from unmarked(part, key)
        elif str(value).startswith(("$.", "$$")) and not key.endswith((".$", "Path")) and key != "Variable":
            yield f"{key}: {value}"

    assert list(unmarked(MACHINE)) == []
