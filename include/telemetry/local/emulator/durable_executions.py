"""Step Functions executions that outlive a restart.

On AWS an execution survives the failure of the machines that run it; ministack marks it FAILED. Here the start and the
end of each execution are journaled. An execution that was running is run again from its beginning, with the same ARN,
name and input, as soon as the APIs answer. Its history and its map runs are discarded, and its steps may run twice,
which they must tolerate anyway because events are delivered at least once.

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
"""ARNs of executions that have no journaled end yet."""


def install() -> None:
    """Journal the start and end of executions, and do not fail running ones when the emulator starts."""
    for name in ("_executions", "_map_runs", "_run_execution"):
        patching.private(stepfunctions, name)
    patching.replace(stepfunctions, "_emit_execution_status_event", _journal_status)
    patching.replace(stepfunctions, "_describe_execution", _wait_for_journal)
    patching.replace(stepfunctions, "_list_executions", _wait_for_journal)
    patching.replace(stepfunctions, "_restore_state", _keep_running)
    journal.register("execution", "stepfunctions", _replay_status)


def resume_all() -> None:
    """Run again every execution that was running. Call it once the APIs answer."""
    for (account, region, arn), execution in list(stepfunctions._executions._data.items()):
        if execution["status"] == RUNNING:
            _ending.add(arn)
            with request_scope(account, region):
                run = contextvars.copy_context().run
                threading.Thread(target=run, args=(stepfunctions._run_execution, arn), daemon=True).start()


def _journal_status(emit: Any) -> Any:
    """Journal each status change just before ministack reports it to EventBridge."""

    def journal_then_emit(execution: Execution) -> None:
        if not execution.get("sync"):
            kept = {name: value for name, value in execution.items() if name != "events"}
            runs = [run for run in stepfunctions._map_runs.values() if run["executionArn"] == kept["executionArn"]]
            with journal:
                journal.add("execution", get_account_id(), get_region(), kept, runs)
            (_ending.add if execution["status"] == RUNNING else _ending.discard)(execution["executionArn"])
        emit(execution)

    return journal_then_emit


def _wait_for_journal(answer: Any) -> Any:
    """Answer only when every ended execution is journaled; another thread does that within microseconds."""

    def answer_when_journaled(request: dict[str, Any]) -> Any:
        deadline = time.monotonic() + 1
        while any(_has_ended(arn) for arn in list(_ending)) and time.monotonic() < deadline:
            time.sleep(0.0005)
        return answer(request)

    return answer_when_journaled


def _has_ended(arn: str) -> bool:
    execution = stepfunctions._executions.get(arn)
    return execution is not None and execution["status"] != RUNNING


def _keep_running(restore: Any) -> Any:
    def restore_running(saved: dict[str, Any] | None) -> None:
        executions = saved["executions"]._data if saved else {}
        running = [execution for execution in executions.values() if execution["status"] == RUNNING]
        restore(saved)
        for execution in running:
            execution.update(status=RUNNING, stopDate=None)
            execution.pop("error", None)
            execution.pop("cause", None)

    return restore_running


def _replay_status(account: str, region: str, execution: Execution, runs: list[dict[str, Any]]) -> None:
    held = stepfunctions._executions._data.setdefault((account, region, execution["executionArn"]), {"events": []})
    held.update(execution)
    for run in runs:
        stepfunctions._map_runs._data[account, region, run["mapRunArn"]] = run


def discard_interrupted_work() -> None:
    """Discard the history, the map runs and the children of executions that will run again."""
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
    """Whether it is a child of a discarded or unsaved map run, or a synchronous execution."""
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
