"""Executions of the state machine, by the names that the ledger gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from telemetry.interval import Interval

ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class ExecutionStatus:
    """The state of an execution: Step Functions' ``status``, and ``error`` and ``cause`` if it failed."""

    name: str
    status: str
    error: str = ""
    cause: str = ""

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> ExecutionStatus:
        """Parse the response of DescribeExecution."""
        names = (field.name for field in fields(cls))
        return cls(**{name: description[name] for name in names if name in description})

    @property
    def under_way(self) -> bool:
        """Whether the execution is still running."""
        return self.status in ("RUNNING", "PENDING_REDRIVE")

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED"

    def __str__(self) -> str:
        """In plain words, for a log and for the ledger."""
        how = {"TIMED_OUT": "ran out of time", "ABORTED": "was stopped by hand"}.get(self.status, "failed")
        why = reason(self.error, self.cause)
        return f"The execution {self.name} {how}" + (f": {why}" if why else ".")


def start_or_attach(state_machine_arn: str, name: str, document: dict[str, str]) -> str:
    """Start the execution ``name``, or attach to the one of that name that runs or has run already. Returns its ARN."""
    from telemetry.aws.clients import client

    step_functions = client("stepfunctions")
    try:
        started = step_functions.start_execution(
            stateMachineArn=state_machine_arn, name=name, input=json.dumps(document, sort_keys=True)
        )
    except step_functions.exceptions.ExecutionAlreadyExists:
        return execution_arn(state_machine_arn, name)
    return str(started["executionArn"])


def execution_arn(state_machine_arn: str, name: str) -> str:
    """The ARN of the execution ``name`` (AWS Step Functions, service authorization reference, "Resource types")."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def describe_execution(arn: str) -> ExecutionStatus | None:
    """Describe an execution; ``None`` if it was never started."""
    from telemetry.aws.clients import client

    step_functions = client("stepfunctions")
    try:
        return ExecutionStatus.of(step_functions.describe_execution(executionArn=arn))
    except step_functions.exceptions.ExecutionDoesNotExist:
        return None


def open_reason(name: str, ending: ExecutionStatus | None) -> str | None:
    """Why the load of the execution ``name`` is open still; None while the execution is under way."""
    if ending is None:
        return f"The execution {name} was never started. The logs of the earlier tasks say why."
    if ending.under_way:
        return None
    if ending.succeeded:
        return f"The execution {name} succeeded, but did not close its load."
    return str(ending)


def input_of(stream: str, kind: str, interval: Interval) -> dict[str, str]:
    """The input of an execution, the same for the same load: AWS accepts a name again only with the same input."""
    return {
        "stream": stream,
        "kind": kind,
        "start": interval.start.strftime(ISO),
        "end": interval.end.strftime(ISO),
    }


def reason(error: str, cause: str) -> str:
    """Step Functions' error and cause as ``Error: message``.

    A Lambda function's cause is JSON with message and stack trace (AWS Lambda developer guide, "Python function
    errors"); the message is what a person can read.
    """
    return ": ".join(part for part in (error, _message(cause)) if part)


def _message(cause: str) -> str:
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    return str(document.get("errorMessage", cause)) if isinstance(document, dict) else cause
