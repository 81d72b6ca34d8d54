"""What is awaited in the triggerer. A trigger reads and never writes; nothing here waits in a worker.

Where all is well a trigger ends the task itself (``TaskSuccessEvent``, ``TaskSkippedEvent``): that spares a process
start of some seconds, and a task that is not resumed cannot be mistaken for one that "finished while queued".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent


class PartitionTrigger(BaseTrigger):
    """Waits until ``settled_at`` (ISO 8601), then counts the objects below ``prefixes``.

    Ends the task: successful, or skipped where there are none.
    """

    def __init__(self, *, bucket: str, prefixes: list[str], settled_at: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bucket = bucket
        self.prefixes = prefixes
        self.settled_at = settled_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"bucket": self.bucket, "prefixes": self.prefixes, "settled_at": self.settled_at}
        return f"{__name__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        left = datetime.fromisoformat(self.settled_at) - datetime.now(UTC)
        await asyncio.sleep(max(0.0, left.total_seconds()))
        objects = await count_objects(self.bucket, self.prefixes)
        self.log.info("%d objects below %s", objects, self.prefixes)
        yield TaskSuccessEvent() if objects else TaskSkippedEvent()


class ExecutionTrigger(BaseTrigger):
    """Waits until a Step Functions execution has ended, however it ended.

    Ends the task when the execution succeeded. Else resumes it with ``{"status", "error", "cause"}`` of FAILED,
    TIMED_OUT or ABORTED, for the worker to say so in the task's log.

    Not the provider's ``StepFunctionsExecutionCompleteTrigger``: that one takes TIMED_OUT for running, hands on no
    cause as such, and resumes a worker for a success too.

    Killing the task stops no execution: other runs may be attached to it, its load closes itself, and running it to its
    end does no harm.
    """

    FIRST_LOOK = 2.0  # seconds: the scheduler has seen by then that the deferred process is gone
    LONGEST_PAUSE = 5.0  # seconds: DescribeExecution is throttled by account

    def __init__(self, *, execution_arn: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.execution_arn = execution_arn

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__qualname__}", {"execution_arn": self.execution_arn}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        pause = self.FIRST_LOOK
        async with _client("stepfunctions") as step_functions:
            while True:
                await asyncio.sleep(pause)
                execution = await step_functions.describe_execution(executionArn=self.execution_arn)
                if execution["status"] not in ("RUNNING", "PENDING_REDRIVE"):
                    break
                pause = min(pause * 1.2, self.LONGEST_PAUSE)
        if execution["status"] == "SUCCEEDED":
            yield TaskSuccessEvent()
        else:
            ending = {name: execution.get(name, "") for name in ("status", "error", "cause")}
            yield TriggerEvent(ending)  # type: ignore[no-untyped-call]


async def count_objects(bucket: str, prefixes: Iterable[str]) -> int:
    """The number of objects below all of ``prefixes``; only those prefixes are listed."""
    objects = 0
    async with _client("s3") as s3:
        for prefix in prefixes:
            async for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                objects += page["KeyCount"]
    return objects


def _client(service: str) -> Any:
    """An aiobotocore client, to be entered; endpoint, region and credentials come from the environment."""
    from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
    from aiobotocore.session import get_session  # type: ignore[import-untyped]

    config = AioConfig(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})
    return get_session().create_client(service, config=config)
