"""Triggers, which wait in the triggerer. They only read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from telemetry.aws.executions import ExecutionStatus

SHORTEST_WAIT: Final = timedelta(seconds=2)
"""The scheduler has seen by then that the deferred process is gone; else it takes the task for one that "finished while
queued"."""


class ExecutionTrigger(BaseTrigger):
    """Waits until a Step Functions execution has ended, however it ended.

    Ends the task itself when the execution succeeded, which spares the start of a process. Else resumes it with
    the fields of its ``ExecutionStatus``, for the worker to say in the task's log why it failed.

    Not the provider's ``StepFunctionsExecutionCompleteTrigger``: that one takes TIMED_OUT for running, hands on no
    cause as such, and resumes a worker for a success too.

    Killing the task stops no execution: other runs may be attached to it, its load closes itself, and running it to its
    end does no harm.
    """

    LONGEST_PAUSE = 5.0  # seconds: DescribeExecution is throttled by account

    def __init__(self, *, execution_arn: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.execution_arn = execution_arn

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__qualname__}", {"execution_arn": self.execution_arn}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        pause = SHORTEST_WAIT.total_seconds()
        async with _client("stepfunctions") as step_functions:
            while True:
                await asyncio.sleep(pause)
                answer = await step_functions.describe_execution(executionArn=self.execution_arn)
                execution = ExecutionStatus.of(answer)
                if not execution.under_way:
                    break
                pause = min(pause * 1.2, self.LONGEST_PAUSE)
        if execution.succeeded:
            yield TaskSuccessEvent()
        else:
            yield TriggerEvent(asdict(execution))  # type: ignore[no-untyped-call]


def _client(service: str) -> Any:
    """An aiobotocore client, to be entered; endpoint, region and credentials come from the environment."""
    from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
    from aiobotocore.session import get_session  # type: ignore[import-untyped]

    config = AioConfig(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})
    return get_session().create_client(service, config=config)
