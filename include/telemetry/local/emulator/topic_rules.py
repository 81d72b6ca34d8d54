"""IoT topic rules: the firehose and s3 actions, payloads that are not JSON, the error action, and metrics.

Exactly ``SELECT *`` hands the payload on as the bytes it is, JSON or not. JSON over several lines is put on one, so
that a separator of a newline delimits messages; nothing else about it changes. SQS bodies are text: what SQS cannot
take (no UTF-8, a control character, nothing at all) fails that action, and the rule's error action gets the original
payload. ministack drops what is not UTF-8, and passes silently over actions that it does not know.

https://docs.aws.amazon.com/iot/latest/developerguide/binary-payloads.html
https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-firehose-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/s3-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
"""

from __future__ import annotations

import base64
import json
import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import iot

from . import firehose, seam
from .metrics import Metric, record
from .objects import put_object

SEPARATORS = {None: b"", "\n": b"\n", "\t": b"\t", "\r\n": b"\r\n", ",": b","}
LEFT_TO_MINISTACK = ("lambda", "republish", "dynamoDBv2", "sns")
USED = (
    "_rule_message",
    "_rule_event",
    "_rule_select_clause",
    "_rule_where_clause",
    "_eval_where",
    "_eval_select_expr",
    "_dispatch_rule_action",
    "_dispatch_rule_sqs",
    "_rule_action_name",
    "_rule_action_resource",
    "_RULE_ACTION_RESOURCE_KEYS",
    "_rule_message_identity",
    "_publish_source_ip",
    "_MISSING",
)
NOT_JSON = object()

logger = logging.getLogger("iot")


@dataclass(frozen=True)
class Message:
    """One published message, as it came in."""

    account: str
    region: str
    rule: dict[str, Any]
    topic: str
    payload: bytes
    client_id: str | None

    @property
    def rule_name(self) -> str:
        return str(self.rule["ruleName"])


@dataclass(frozen=True)
class Selected:
    """What a rule's SELECT made of a message: bytes for actions that take bytes, a value for those that need JSON."""

    data: bytes
    value: Any = NOT_JSON


def install() -> None:
    """Replace the run of a rule's actions."""
    for name in USED:
        seam.private(iot, name)
    iot._RULE_ACTION_RESOURCE_KEYS.update(firehose=("deliveryStreamName",), s3=("bucketName",))
    seam.replace(iot, "_run_rule_actions", lambda original: run)


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
    message = Message(account, region, rule, topic, payload or b"", client_id)
    record(_metric(message, "TopicMatch"))
    try:
        selected = select(message)
    except Exception:
        logger.exception("IoT rule %s: its SQL failed on %d bytes", message.rule_name, len(message.payload))
        return
    if selected is None:
        return
    failures = []
    for action in rule.get("actions") or []:
        kind = next(iter(action), "?")
        try:
            await _act(message, kind, action, selected)
        except Exception as error:  # one failing action must not stop the others
            record(_metric(message, "Failure", kind))
            logger.warning("IoT rule %s: %s action failed: %s", message.rule_name, kind, error)
            failures.append(_failure(kind, action, error))
        else:
            record(_metric(message, "Success", kind))
    if failures:
        await _run_error_action(message, failures)


def select(message: Message) -> Selected | None:
    """Apply the rule's SELECT and WHERE; None where the rule does not want the message."""
    everything, where = _clauses(message.rule.get("sql", ""))
    if everything and not where:
        return Selected(_on_one_line(message.payload))
    try:
        decoded = iot._rule_message(message.payload)
    except (ValueError, RecursionError):
        decoded = message.payload.decode()
    if where and not iot._eval_where(where, message.topic, message.payload, decoded, message.client_id):
        return None
    if everything:
        return Selected(_on_one_line(message.payload))
    event = iot._rule_event(message.rule["sql"], message.topic, message.payload, message.client_id, message=decoded)
    if event is iot._MISSING:
        return Selected(message.payload)
    return Selected(json.dumps(event).encode(), event)


@lru_cache(maxsize=256)
def _clauses(sql: str) -> tuple[bool, str]:
    """Whether the SELECT is exactly ``*``, and the WHERE."""
    return iot._rule_select_clause(sql) == "*", iot._rule_where_clause(sql)


def _parse(payload: bytes) -> Any:
    try:
        return json.loads(payload.decode())
    except (ValueError, RecursionError):
        return NOT_JSON


def _on_one_line(payload: bytes) -> bytes:
    """Line breaks in JSON are between its tokens, never inside them: a space does as well."""
    if (b"\n" in payload or b"\r" in payload) and _parse(payload) is not NOT_JSON:
        return payload.replace(b"\n", b" ").replace(b"\r", b" ")
    return payload


async def _act(message: Message, kind: str, action: dict[str, Any], selected: Selected) -> None:
    spec = action.get(kind) or {}
    scope = message.account, message.region
    if kind == "firehose":
        with request_scope(*scope):
            firehose.put(*scope, spec["deliveryStreamName"], selected.data + SEPARATORS[spec.get("separator")])
    elif kind == "sqs":
        encoded = base64.b64encode(selected.data) if spec.get("useBase64") else selected.data
        spec = {**spec, "useBase64": False}
        iot._dispatch_rule_sqs(*scope, message.rule_name, spec, encoded.decode())
    elif kind == "s3":
        key = re.sub(r"\$\{(.+?)\}", lambda found: _substitute(message, found[1]), spec["key"])
        await put_object(*scope, spec["bucketName"], key, selected.data)
    elif kind in LEFT_TO_MINISTACK:
        value = _parse(selected.data) if selected.value is NOT_JSON else selected.value
        if value is NOT_JSON:
            raise ValueError(f"a {kind} action takes JSON only")
        await iot._dispatch_rule_action(*scope, message.rule_name, action, value)
    else:
        raise NotImplementedError(f"the emulator has no {kind} action")


def _substitute(message: Message, expression: str) -> str:
    """The value of a substitution template ``${expression}`` for the message."""
    decoded = _parse(message.payload)
    decoded = iot._MISSING if decoded is NOT_JSON else decoded
    value = iot._eval_select_expr(expression, message.topic, message.payload, decoded, message.client_id)
    return "undefined" if value is iot._MISSING else str(value)


def _failure(kind: str, action: dict[str, Any], error: Exception) -> dict[str, str]:
    return {
        "failedAction": iot._rule_action_name(kind),
        "failedResource": iot._rule_action_resource(action, kind),
        "errorMessage": f"{type(error).__name__}: {error}",
    }


async def _run_error_action(message: Message, failures: list[dict[str, str]]) -> None:
    """Hand one document about all failed actions to the error action."""
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
        await _act(message, kind, action, Selected(json.dumps(document).encode(), document))
    except Exception as error:  # AWS gives up here too, and counts it
        record(_metric(message, "ErrorActionFailure", kind))
        logger.warning("IoT rule %s: error action failed: %s", message.rule_name, error)
    else:
        record(_metric(message, "ErrorActionSuccess", kind))


def _metric(message: Message, name: str, kind: str | None = None) -> Metric:
    dimensions: tuple[tuple[str, str], ...] = (("RuleName", message.rule_name),)
    if kind is not None:
        dimensions = (("ActionType", kind[:1].upper() + kind[1:]), *dimensions)
    return Metric(message.account, message.region, "AWS/IoT", name, dimensions)
