"""Step Functions executions that outlive a restart.

On AWS an execution goes on whatever happens to the machines below. Here its start and its end are journaled, and one
that was running is run again from its beginning, under the same ARN, name and input, as soon as the APIs answer: its
steps may be done twice, which at-least-once delivery of an event may ask of them anyway. What it had done so far is
forgotten, its history and its map runs. ministack fails it.

https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
"""

from __future__ import annotations

import contextvars
import threading
import time
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import stepfunctions

from . import patching
from .journal import journal

RUNNING = "RUNNING"
Execution = dict[str, Any]

_ending: set[str] = set()
"""Executions whose end is not journaled yet."""


def install() -> None:
    """Journal starts and ends, and keep what runs from being failed at a start."""
    for name in ("_executions", "_map_runs", "_run_execution"):
        patching.private(stepfunctions, name)
    patching.replace(stepfunctions, "_emit_execution_status_event", _journaling)
    patching.replace(stepfunctions, "_describe_execution", _once_journaled)
    patching.replace(stepfunctions, "_list_executions", _once_journaled)
    patching.replace(stepfunctions, "_restore_state", _keeping_what_runs)
    journal.register("execution", "stepfunctions", _set_again)


def resume_all() -> None:
    """Run again what was running. Only once the APIs answer."""
    for (account, region, arn), execution in list(stepfunctions._executions._data.items()):
        if execution["status"] == RUNNING:
            _ending.add(arn)
            with request_scope(account, region):
                run = contextvars.copy_context().run
                threading.Thread(target=run, args=(stepfunctions._run_execution, arn), daemon=True).start()


def _journaling(tell: Any) -> Any:
    """ministack tells EventBridge of each change of an execution's status, right after it."""

    def journal_then_tell(execution: Execution) -> None:
        if not execution.get("sync"):
            kept = {name: value for name, value in execution.items() if name != "events"}
            runs = [run for run in stepfunctions._map_runs.values() if run["executionArn"] == kept["executionArn"]]
            with journal:
                journal.add("execution", get_account_id(), get_region(), kept, runs)
            (_ending.add if execution["status"] == RUNNING else _ending.discard)(execution["executionArn"])
        tell(execution)

    return journal_then_tell


def _once_journaled(answer: Any) -> Any:
    """Nobody is told of an end before it is certain; it is a matter of microseconds in another thread."""

    def answer_once_journaled(request: dict[str, Any]) -> Any:
        deadline = time.monotonic() + 1
        while any(_has_ended(arn) for arn in list(_ending)) and time.monotonic() < deadline:
            time.sleep(0.0005)
        return answer(request)

    return answer_once_journaled


def _has_ended(arn: str) -> bool:
    execution = stepfunctions._executions.get(arn)
    return execution is not None and execution["status"] != RUNNING


def _keeping_what_runs(restore: Any) -> Any:
    def restore_running(saved: dict[str, Any] | None) -> None:
        executions = saved["executions"]._data if saved else {}
        running = [execution for execution in executions.values() if execution["status"] == RUNNING]
        restore(saved)
        for execution in running:
            execution.update(status=RUNNING, stopDate=None)
            execution.pop("error", None)
            execution.pop("cause", None)

    return restore_running


def _set_again(account: str, region: str, execution: Execution, runs: list[dict[str, Any]]) -> None:
    held = stepfunctions._executions._data.setdefault((account, region, execution["executionArn"]), {"events": []})
    held.update(execution)
    for run in runs:
        stepfunctions._map_runs._data[account, region, run["mapRunArn"]] = run


def forget_interrupted_work() -> None:
    """What belongs to executions that run again: their history, their map runs and those runs' children."""
    executions, runs = stepfunctions._executions._data, stepfunctions._map_runs._data
    again = [execution for execution in executions.values() if execution["status"] == RUNNING]
    again = [execution for execution in again if not execution.get("mapRunArn")]
    parents = {execution["executionArn"] for execution in again}
    gone = {key[2] for key, run in runs.items() if run["executionArn"] in parents}
    for key in [key for key in runs if key[2] in gone]:
        del runs[key]
    for key in [key for key, execution in executions.items() if _is_orphan(execution, gone)]:
        del executions[key]
    for execution in again:
        execution["events"] = [_started(execution)]
        execution["mockAttempts"] = {}


def _is_orphan(execution: Execution, gone: set[str]) -> bool:
    """A child of a map run that is forgotten, or one whose run was never written; or a synchronous execution."""
    return execution.get("mapRunArn") in gone or (
        execution["status"] == RUNNING and bool(execution.get("mapRunArn") or execution.get("sync"))
    )


def _started(execution: Execution) -> dict[str, Any]:
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
    details = {"input": execution["input"], "roleArn": machine.get("roleArn", "")}
    return {
        "id": 1,
        "type": "ExecutionStarted",
        "timestamp": execution["startDate"],
        "executionStartedEventDetails": details,
    }
