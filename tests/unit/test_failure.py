"""What the ledger and the task's log say of a failed execution."""

from __future__ import annotations

import json

import pytest

from telemetry.aws.executions import reason


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        ("TelemetryError", json.dumps({"errorMessage": "no stream", "stackTrace": ["…"]}), "TelemetryError: no stream"),
        ("States.Timeout", "", "States.Timeout"),
        ("", "stopped by hand", "stopped by hand"),
        ("E", '["not", "an", "object"]', 'E: ["not", "an", "object"]'),
    ],
)
def test_an_errors_message_is_shown_without_its_stack_trace(error: str, cause: str, said: str) -> None:
    assert reason(error, cause) == said
