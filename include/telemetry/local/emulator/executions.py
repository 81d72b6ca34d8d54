"""Step Functions executions: idempotent starts, retry delays as configured, and a stop that reaches map children.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

import random
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import stepfunctions

from . import patching


def install() -> None:
    """Replace the start of an execution and of a task, the choice of a retrier and the failing of an execution."""
    for name in ("_executions", "_state_machines", "_map_runs", "_resolve_state_machine_arn", "_ExecutionError"):
        patching.private(stepfunctions, name)
    patching.replace(stepfunctions, "_start_execution", _attach_to_running)
    patching.replace(stepfunctions, "_find_matching_retrier", _apply_max_delay_and_jitter)
    patching.replace(stepfunctions, "_fail_execution", _keep_aborted)
    patching.replace(stepfunctions, "_execute_task", _stop_children_with_parent)


def _attach_to_running(start: Any) -> Any:
    """Starting a running execution again, with the same name and input, returns it; ministack refuses a known name."""

    def start_or_attach(request: dict[str, Any]) -> Any:
        machine_arn = stepfunctions._resolve_state_machine_arn(request.get("stateMachineArn", ""))
        name = request.get("name")
        if machine_arn is not None and name:
            machine = stepfunctions._state_machines[machine_arn]["name"]
            arn = f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{machine}:{name}"
            known = stepfunctions._executions.get(arn)
            if known and known["status"] == "RUNNING" and known["input"] == request.get("input", "{}"):
                return json_response({"executionArn": arn, "startDate": known["startDate"]})
        return start(request)

    return start_or_attach


def _apply_max_delay_and_jitter(find: Any) -> Any:
    """Apply MaxDelaySeconds and JitterStrategy, which ministack ignores, by adjusting the interval of the next retry.

    ministack computes the wait as ``IntervalSeconds * BackoffRate ** retries`` and never waits longer than a minute.
    """

    def find_retrier(retriers: Any, error: str, counts: dict[int, int]) -> tuple[Any, int]:
        retrier, index = find(retriers, error, counts)
        if retrier is None:
            return retrier, index
        delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
        delay = min(delay, retrier.get("MaxDelaySeconds", delay))
        if retrier.get("JitterStrategy") == "FULL":
            delay = random.uniform(0, delay)  # noqa: S311
        return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1.0}, index

    return find_retrier


def _keep_aborted(fail: Any) -> Any:
    """A task failure after StopExecution does not change ABORTED to FAILED."""

    def fail_if_running(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    return fail_if_running


def _stop_children_with_parent(execute: Any) -> Any:
    """After StopExecution, children of a Distributed Map start no further task; ministack lets them continue."""

    def execute_unless_stopped(state: Any, given: Any, execution: Any, context: Any) -> Any:
        run = stepfunctions._map_runs.get(execution.get("mapRunArn"))
        parent = stepfunctions._executions.get(run["executionArn"]) if run else None
        if parent and parent["status"] == "ABORTED":
            raise stepfunctions._ExecutionError("States.Aborted", "The execution of the map was stopped")
        return execute(state, given, execution, context)

    return execute_unless_stopped
