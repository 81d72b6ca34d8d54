"""The state machine, played: the states of the real definition in their order, each attempt in a worker of its own.

Of Amazon States Language only what the definition uses. Pauses between attempts are left out; how many there are, and
after which errors, is the definition's own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import etl
from faults.harness.worker import Ended, Fault, Worker
from telemetry.paths import STATE_MACHINE

FUNCTIONS = {
    "DataExtractionFunction": "data_extraction",
    "DataTransformationFunction": "data_transformation",
    "DataLoadingFunction": "data_loading",
    "LoadRecordingFunction": "load_recording",
}

Faults = Sequence[Fault]
Plan = Mapping[str, Sequence[Faults]]
"""By state: what goes wrong in its first attempt, in its second, and so on; the others go well."""
Meanwhile = Callable[[Worker], None]
"""What happens elsewhere while an attempt is under way; it lets a worker that has stopped itself go on."""


class StateError(Exception):
    """A state failed for good."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


@dataclass(frozen=True)
class ExecutionStatus:
    """How an execution ended, in Step Functions' words."""

    status: str
    output: Any = None
    error: str = ""
    cause: str = ""


@dataclass
class Machine:
    """One execution of ``telemetry_etl``. ``always`` goes wrong in every attempt of a state; ``meanwhile`` happens in
    its first.
    """

    name: str
    arn: str
    plan: Plan = field(default_factory=dict)
    always: Mapping[str, Faults] = field(default_factory=dict)
    meanwhile: Mapping[str, Meanwhile] = field(default_factory=dict)
    attempts: list[tuple[str, Ended]] = field(default_factory=list)
    notified: list[Any] = field(default_factory=list)
    _asked: Counter[str] = field(default_factory=Counter)

    def run(self, given: dict[str, Any]) -> ExecutionStatus:
        """From start to end."""
        definition = json.loads(STATE_MACHINE.read_text())
        try:
            return ExecutionStatus("SUCCEEDED", self._states(definition, given))
        except StateError as failed:
            return ExecutionStatus("FAILED", error=failed.error, cause=failed.cause)

    def killed(self) -> list[str]:
        """The states of which an attempt was killed."""
        return [state for state, ended in self.attempts if ended.killed]

    def _states(self, machine: dict[str, Any], document: Any) -> Any:
        name: str | None = machine["StartAt"]
        while name:
            state = machine["States"][name]
            try:
                document, name = self._state(name, state, document), state.get("Next")
                if state["Type"] == "Choice":
                    name = _choice(state, document)
            except StateError as failed:
                if "Catch" not in state:
                    raise
                caught = {"Error": failed.error, "Cause": failed.cause}
                document = _put(document, state["Catch"][0]["ResultPath"], caught)
                name = state["Catch"][0]["Next"]
        return document

    def _state(self, name: str, state: dict[str, Any], document: Any) -> Any:
        match state["Type"]:
            case "Task":
                return self._task(name, state, document)
            case "Map":
                self._map(state, document)
            case "Fail":
                raise StateError(str(_get(document, state["ErrorPath"])), str(_get(document, state["CausePath"])))
        return document

    def _task(self, name: str, state: dict[str, Any], document: Any) -> Any:
        parameters = _fill(state["Parameters"], document, {"Execution": {"Name": self.name, "Id": self.arn}})
        if state["Resource"].endswith("sns:publish"):
            self.notified.append(parameters["Message"])
            result: Any = {}
        else:
            function = FUNCTIONS[parameters["FunctionName"].strip("${}").removesuffix("Arn")]
            result = {"Payload": self._invoke(name, state["Retry"], function, parameters["Payload"])}
        if "ResultSelector" in state:
            result = _fill(state["ResultSelector"], result, {})
        document = _put(document, state["ResultPath"], result) if "ResultPath" in state else result
        return _get(document, state.get("OutputPath", "$"))

    def _invoke(self, name: str, retries: list[dict[str, Any]], function: str, event: Any) -> Any:
        used: Counter[int] = Counter()
        while True:
            worker = Worker(function, event, self._faults(name))
            if self._asked[name] == 1 and name in self.meanwhile:
                self.meanwhile[name](worker)
            ended = worker.wait()
            self.attempts.append((name, ended))
            if not ended.error:
                return ended.answer
            rule = next((n for n, retry in enumerate(retries) if _matches(ended.error, retry["ErrorEquals"])), None)
            if rule is None or used[rule] >= retries[rule]["MaxAttempts"]:
                raise StateError(ended.error, json.dumps({"errorMessage": ended.cause}))
            used[rule] += 1

    def _faults(self, name: str) -> list[Fault]:
        planned = self.plan.get(name, ())
        number = self._asked[name]
        self._asked[name] += 1
        return [*(planned[number] if number < len(planned) else ()), *self.always.get(name, ())]

    def _map(self, state: dict[str, Any], document: Any) -> None:
        """Every batch, one after the other; one that fails does not stop the others."""
        assert state["ToleratedFailurePercentage"] == 100
        reader = _fill(state["ItemReader"]["Parameters"], document, {})
        body = etl.s3().get_object(Bucket=reader["Bucket"], Key=reader["Key"])["Body"].read()
        items = [json.loads(line) for line in body.splitlines()]
        size, common = state["ItemBatcher"]["MaxItemsPerBatch"], state["ItemBatcher"]["BatchInput"]
        for start in range(0, len(items), size):
            batch = {"BatchInput": _fill(common, document, {}), "Items": items[start : start + size]}
            try:
                self._states(state["ItemProcessor"], batch)
            except StateError:
                continue


def _matches(error: str, names: list[str]) -> bool:
    return error in names or "States.TaskFailed" in names


def _choice(state: dict[str, Any], document: Any) -> str:
    for choice in state["Choices"]:
        if _get(document, choice["Variable"]) > choice["NumericGreaterThan"]:
            return str(choice["Next"])
    return str(state["Default"])


def _get(document: Any, path: str) -> Any:
    for part in path.removeprefix("$").split("."):
        document = document[part] if part else document
    return document


def _put(document: Any, path: str | None, value: Any) -> Any:
    return document if path is None else {**document, path.removeprefix("$."): value}


def _fill(template: Any, document: Any, context: Any) -> Any:
    """A template with its ``name.$`` replaced by what their paths lead to."""
    if not isinstance(template, dict):
        return template
    filled = {}
    for name, value in template.items():
        if name.endswith(".$"):
            path = str(value)
            found = _get(context, path[1:]) if path.startswith("$$") else _get(document, path)
            filled[name.removesuffix(".$")] = found
        else:
            filled[name] = _fill(value, document, context)
    return filled
