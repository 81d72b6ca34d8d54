"""An operator that closes a day with DataQualityFunction."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from telemetry.closing.report import describe, missing
from telemetry.config.settings import load_settings
from telemetry_airflow.intervals import interval_in

READ_MARGIN_SECONDS = 30
RETRIES: Final = 12
"""With the backoff that all tasks have: the first after seconds, the last after ten minutes each."""


class CloseDayOperator(BaseOperator):
    """Has the run's day closed, and logs what was found. A day that is not over is skipped.

    Fails the run, without a retry, when a message is unaccounted for: the function has counted again already, put it on
    the record and raised the alarm. Failed quality checks do not. Whatever else goes wrong is retried: to close a day
    again is always right. ``RETRIES`` take more than an hour: messages of the day that are in the queue still, as after
    an outage, leave it tick by tick.
    """

    def __init__(self, *, stream: str, **arguments: Any) -> None:
        super().__init__(**{"retries": RETRIES, **arguments})
        self.stream = stream

    def execute(self, context: Context) -> None:
        """See the class.

        Raises:
            AirflowSkipException: the day is not over.
            AirflowException: the function failed, or the day cannot be closed yet.
            AirflowFailException: messages are unaccounted for, or the run's ``partition`` is no day.
        """
        interval = interval_in(context, self.stream, "daily")
        day = interval.start.date().isoformat()
        if interval.end > datetime.now(UTC):
            raise AirflowSkipException(f"{day} is not over yet. The daily run that follows it closes it.")
        closed = self._invoke({"stream": self.stream, "day": day})
        self.log.info("%s", describe(closed))
        if lost := missing(closed):
            raise AirflowFailException(" ".join(lost))

    def _invoke(self, event: dict[str, str]) -> Any:
        """The function's answer. It is called once: Airflow retries."""
        from telemetry.aws.clients import client

        function = load_settings().functions.data_quality
        functions = client(
            "lambda",
            read_timeout=function.timeout_seconds + READ_MARGIN_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        answer = functions.invoke(FunctionName=function.name, Payload=json.dumps(event).encode())
        document = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise AirflowException(f"{function.name}: {document.get('errorMessage', document)}")
        return document
