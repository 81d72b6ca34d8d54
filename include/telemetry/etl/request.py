"""The input of an execution, validated: what to load."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from telemetry.errors import TelemetryError
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.ledger import Load, LoadKind, ensure_load


class Request(BaseModel):
    """The stream, the kind of load and its interval, and the execution that it is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    stream: str
    kind: LoadKind
    start: AwareDatetime
    end: AwareDatetime
    execution_name: str
    execution_arn: str

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if not self.start < self.end:
            raise ValueError("end is not after start")
        return self

    @property
    def interval(self) -> Interval:
        return Interval(self.start.astimezone(UTC), self.end.astimezone(UTC))

    def load(self, connection: Connection) -> Load:
        """The execution's load in the ledger, opened where it is not."""
        return ensure_load(
            connection,
            stream=self.stream,
            kind=self.kind,
            interval=self.interval,
            execution_name=self.execution_name,
            execution_arn=self.execution_arn,
        )


def parse_request(event: Mapping[str, Any]) -> Request:
    """Check a function's event.

    Raises:
        TelemetryError: a line for each field that is missing or wrong.
    """
    try:
        return Request.model_validate(dict(event))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'input'}: {fault['msg']}" for fault in error.errors()]
        raise TelemetryError(
            "The execution's input is not valid: " + "; ".join(faults) + ".",
            'Use {"stream": …, "kind": "hourly", "daily" or "queue", "start": …, "end": …}; times need an offset.',
        ) from error
