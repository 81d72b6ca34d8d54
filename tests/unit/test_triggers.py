"""Triggers survive their triggerer, and executions are told of in plain words."""

from __future__ import annotations

import importlib
import json
from datetime import date

import pytest

from telemetry.aws.executions import ExecutionStatus, execution_arn, input_of
from telemetry.interval import Interval
from telemetry_airflow.triggers import ExecutionTrigger

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:telemetry_etl"


def test_a_trigger_is_the_same_after_it_was_written_down() -> None:
    trigger = ExecutionTrigger(execution_arn=execution_arn(MACHINE, "telemetry-daily-20200713T0000-g0"))
    path, arguments = trigger.serialize()
    module, name = path.rsplit(".", 1)
    again = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == trigger.serialize()


def test_an_execution_s_arn_follows_from_its_name() -> None:
    assert execution_arn(MACHINE, "n-g0") == "arn:aws:states:eu-west-1:123456789012:execution:telemetry_etl:n-g0"


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (ExecutionStatus("n", "FAILED", "LoadError", "no room"), "The execution n failed: LoadError: no room"),
        (
            ExecutionStatus(
                "n", "FAILED", "States.TaskFailed", '{"errorMessage": "no room", "errorType": "E", "stackTrace": []}'
            ),
            "The execution n failed: States.TaskFailed: no room",
        ),
        (ExecutionStatus("n", "TIMED_OUT"), "The execution n ran out of time."),
        (ExecutionStatus("n", "ABORTED", "", "wrong day"), "The execution n was stopped by hand: wrong day"),
        (ExecutionStatus("n", "FAILED", "E", "[1]"), "The execution n failed: E: [1]"),
    ],
)
def test_an_executions_end_is_described_in_plain_words(ending: ExecutionStatus, words: str) -> None:
    assert str(ending) == words


@pytest.mark.parametrize(
    ("status", "under_way", "succeeded"),
    [
        ("RUNNING", True, False),
        ("PENDING_REDRIVE", True, False),
        ("SUCCEEDED", False, True),
        ("FAILED", False, False),
        ("TIMED_OUT", False, False),
        ("ABORTED", False, False),
    ],
)
def test_the_state_of_an_execution_follows_from_its_description(status: str, under_way: bool, succeeded: bool) -> None:
    found = ExecutionStatus.of({"executionArn": "arn", "name": "n", "status": status, "cause": "why"})
    assert found == ExecutionStatus("n", status, "", "why")
    assert (found.under_way, found.succeeded) == (under_way, succeeded)


def test_the_input_is_the_same_for_the_same_load() -> None:
    assert input_of("telemetry", "daily", Interval.day(date(2020, 7, 13))) == {
        "stream": "telemetry",
        "kind": "daily",
        "start": "2020-07-13T00:00:00Z",
        "end": "2020-07-14T00:00:00Z",
    }
