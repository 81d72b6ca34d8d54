"""IoT topic rules: the firehose and s3 actions, payloads that are not JSON, the error action, and metrics.

SELECT is evaluated once per message, and all actions get the same bytes. SQS takes text only: a body that is empty, not
UTF-8 or has control characters fails that action, and the rule's error action gets the original payload. ministack
drops payloads that are not UTF-8, and silently ignores actions that it does not know.

All that a message changes in queues, delivery streams and metrics is one event of the journal, written before the
message is acknowledged: a kill leaves all of it or nothing.

https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-firehose-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/s3-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
"""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import iot

from . import firehose, patching, rule_sql
from .journal import journal
from .metrics import Metric, record
from .objects import put_object
from .rule_sql import NOT_JSON, Message, Selected, parse, select

SEPARATORS = {None: b"", "\n": b"\n", "\t": b"\t", "\r\n": b"\r\n", ",": b","}
IMMEDIATE_ACTIONS = ("firehose", "sqs")
MINISTACK_ACTIONS = ("lambda", "republish", "dynamoDBv2", "sns")
USED = (
    "_dispatch_rule_action",
    "_dispatch_rule_sqs",
    "_rule_action_name",
    "_rule_action_resource",
    "_RULE_ACTION_RESOURCE_KEYS",
    "_rule_message_identity",
    "_publish_source_ip",
)

logger = logging.getLogger("iot")


def install() -> None:
    """Replace how ministack runs a rule's actions."""
    rule_sql.install()
    for name in USED:
        patching.private(iot, name)
    iot._RULE_ACTION_RESOURCE_KEYS.update(firehose=("deliveryStreamName",), s3=("bucketName",))
    patching.replace(iot, "_run_rule_actions", lambda original: run)


async def run(
    account: str,
    region: str,
    rule: dict[str, Any] | None,
    payload: bytes | None,
    topic: str = "",
    client_id: str | None = None,
) -> None:
    """Run a rule for a message: every action, then the error action if one of them failed. It never raises."""
    if not rule or rule.get("ruleDisabled"):
        return
    message = Message(account, region, rule, topic, payload or b"", client_id, time.time())
    failures: list[dict[str, str]] = []
    with journal:
        record(_metric(message, "TopicMatch"), at=message.received)
        selected = _selected(message)
        if selected is None:
            return
        for kind, action in _actions(rule):
            if kind in IMMEDIATE_ACTIONS:
                try:
                    _run_immediate(message, kind, action, selected)
                except Exception as error:  # one failing action must not stop the others
                    failures.append(_failed(message, kind, action, error))
                else:
                    record(_metric(message, "Success", kind))
    failures += [failure async for failure in _run_slow_actions(message, selected)]
    if failures:
        await _run_error_action(message, failures)


def _actions(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for action in rule.get("actions") or []:
        yield next(iter(action), "?"), action


def _selected(message: Message) -> Selected | None:
    try:
        return select(message)
    except Exception:
        logger.exception("IoT rule %s: its SQL failed on %d bytes", message.rule_name, len(message.payload))
        return None


async def _run_slow_actions(message: Message, selected: Selected) -> AsyncIterator[dict[str, str]]:
    """Run the actions that may take time; yield their failures."""
    for kind, action in _actions(message.rule):
        if kind not in IMMEDIATE_ACTIONS:
            try:
                await _run_action(message, kind, action, selected)
            except Exception as error:
                yield _failed(message, kind, action, error)
            else:
                record(_metric(message, "Success", kind))


def _run_immediate(message: Message, kind: str, action: dict[str, Any], selected: Selected) -> None:
    """Run an action that completes at once."""
    spec = action[kind]
    scope = message.account, message.region
    if kind == "firehose":
        with request_scope(*scope):
            firehose.put(*scope, spec["deliveryStreamName"], selected.data + SEPARATORS[spec.get("separator")])
    else:
        encoded = base64.b64encode(selected.data) if spec.get("useBase64") else selected.data
        iot._dispatch_rule_sqs(*scope, message.rule_name, {**spec, "useBase64": False}, encoded.decode())


async def _run_action(message: Message, kind: str, action: dict[str, Any], selected: Selected) -> None:
    spec = action.get(kind) or {}
    scope = message.account, message.region
    if kind in IMMEDIATE_ACTIONS:
        _run_immediate(message, kind, action, selected)
    elif kind == "s3":
        key = re.sub(r"\$\{(.+?)\}", lambda found: _substitute(message, found[1]), spec["key"])
        await put_object(*scope, spec["bucketName"], key, selected.data)
    elif kind in MINISTACK_ACTIONS:
        value = parse(selected.data) if selected.value is NOT_JSON else selected.value
        if value is NOT_JSON:
            raise ValueError(f"a {kind} action takes JSON only")
        await iot._dispatch_rule_action(*scope, message.rule_name, action, value)
    else:
        raise NotImplementedError(f"the emulator has no {kind} action")


def _substitute(message: Message, expression: str) -> str:
    """The value of a substitution template ``${expression}`` for the message."""
    decoded = parse(message.payload)
    decoded = iot._MISSING if decoded is NOT_JSON else decoded
    value = iot._eval_select_expr(expression, message.topic, message.payload, decoded, message.client_id)
    return "undefined" if value is iot._MISSING else str(value)


def _failed(message: Message, kind: str, action: dict[str, Any], error: Exception) -> dict[str, str]:
    """Count and log a failed action; return what the error action is told about it."""
    record(_metric(message, "Failure", kind))
    logger.warning("IoT rule %s: %s action failed: %s", message.rule_name, kind, error)
    return {
        "failedAction": iot._rule_action_name(kind),
        "failedResource": iot._rule_action_resource(action, kind),
        "errorMessage": f"{type(error).__name__}: {error}",
    }


async def _run_error_action(message: Message, failures: list[dict[str, str]]) -> None:
    """Give the error action one document about all failed actions."""
    action = message.rule.get("errorAction")
    if not action:
        return
    document = {
        "ruleName": message.rule_name,
        "topic": message.topic,
        "cloudwatchTraceId": iot._rule_message_identity.get()[1],
        "clientId": message.client_id or "N/A",
        "sourceIp": iot._publish_source_ip.get(),
        "base64OriginalPayload": base64.b64encode(message.payload).decode(),
        "failures": failures,
    }
    kind = next(iter(action), "?")
    try:
        await _run_action(message, kind, action, Selected(json.dumps(document).encode(), document))
    except Exception as error:  # AWS gives up here too, and counts it
        record(_metric(message, "ErrorActionFailure", kind))
        logger.warning("IoT rule %s: error action failed: %s", message.rule_name, error)
    else:
        record(_metric(message, "ErrorActionSuccess", kind))


def _metric(message: Message, name: str, kind: str | None = None) -> Metric:
    return _metric_of(message.account, message.region, message.rule_name, name, kind)


@lru_cache(maxsize=1024)
def _metric_of(account: str, region: str, rule: str, name: str, kind: str | None) -> Metric:
    dimensions: tuple[tuple[str, str], ...] = (("RuleName", rule),)
    if kind is not None:
        dimensions = (("ActionType", kind[:1].upper() + kind[1:]), *dimensions)
    return Metric(account, region, "AWS/IoT", name, dimensions)
