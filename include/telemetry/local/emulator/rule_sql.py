"""The SELECT and WHERE of topic rules, for any payload.

Exactly ``SELECT *`` passes the payload on unchanged, JSON or not; only line breaks in JSON become spaces, so that a
newline as the separator delimits messages. A SELECT that has only functions such as ``encode(*, 'base64')`` takes any
payload, too. ministack parses every payload first, and drops those that it cannot parse.

https://docs.aws.amazon.com/iot/latest/developerguide/binary-payloads.html
https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import iot

from . import patching

NOT_JSON = object()
USED = (
    "_rule_message",
    "_rule_event",
    "_rule_select_clause",
    "_rule_where_clause",
    "_split_select_items",
    "_split_select_alias",
    "_select_default_key",
    "_eval_where",
    "_eval_select_expr",
    "_MISSING",
)


@dataclass(frozen=True)
class Message:
    """One published message; ``received`` is in seconds since the epoch."""

    account: str
    region: str
    rule: dict[str, Any]
    topic: str
    payload: bytes
    client_id: str | None
    received: float

    @property
    def rule_name(self) -> str:
        return str(self.rule["ruleName"])


@dataclass(frozen=True)
class Selected:
    """The result of a rule's SELECT: ``data`` for actions that take bytes, ``value`` for those that need JSON."""

    data: bytes
    value: Any = NOT_JSON


Function = Callable[[Message], Any]

PAYLOAD_FREE_FUNCTIONS: dict[str, Function] = {
    "newuuid()": lambda message: new_uuid(),
    "topic()": lambda message: message.topic,
    "timestamp()": lambda message: int(message.received * 1000),
    "clientid()": lambda message: message.client_id or "n/a",
    "encode(*,'base64')": lambda message: base64.b64encode(message.payload).decode(),
}
"""SQL functions that do not parse the payload, by their text without spaces in lower case."""


@dataclass(frozen=True)
class Query:
    """A rule's parsed SQL. ``columns`` is None unless all of them are in ``PAYLOAD_FREE_FUNCTIONS``."""

    everything: bool
    where: str
    columns: tuple[tuple[str, Function], ...] | None


def install() -> None:
    """Check that ministack has every private name used here."""
    for name in USED:
        patching.private(iot, name)


def select(message: Message) -> Selected | None:
    """Apply the rule's SELECT and WHERE; None if WHERE excludes the message."""
    query = _parsed(message.rule.get("sql", ""))
    decoded = _decoded(message.payload) if query.where or not (query.everything or query.columns) else None
    if query.where and not iot._eval_where(query.where, message.topic, message.payload, decoded, message.client_id):
        return None
    if query.everything:
        return Selected(_on_one_line(message.payload))
    if query.columns:
        event = {name: value(message) for name, value in query.columns}
    else:
        sql = message.rule["sql"]
        event = iot._rule_event(sql, message.topic, message.payload, message.client_id, message=decoded)
        if event is iot._MISSING:
            return Selected(message.payload)
    return Selected(json.dumps(event).encode(), event)


@lru_cache(maxsize=256)
def _parsed(sql: str) -> Query:
    clause = iot._rule_select_clause(sql)
    columns: list[tuple[str, Function]] = []
    for item in iot._split_select_items(clause):
        expression, alias = iot._split_select_alias(item)
        value = PAYLOAD_FREE_FUNCTIONS.get("".join(expression.split()).lower())
        if value is None:
            return Query(clause == "*", iot._rule_where_clause(sql), None)
        columns.append((alias or iot._select_default_key(expression), value))
    return Query(False, iot._rule_where_clause(sql), tuple(columns))


def _decoded(payload: bytes) -> Any:
    """The value that expressions refer to: JSON, text, or ministack's marker for a payload that is not text."""
    try:
        return iot._rule_message(payload)
    except RecursionError:
        return payload.decode()


def parse(payload: bytes) -> Any:
    """The payload as JSON, or ``NOT_JSON``."""
    try:
        return json.loads(payload.decode())
    except (ValueError, RecursionError):
        return NOT_JSON


def _on_one_line(payload: bytes) -> bytes:
    """Replace line breaks in JSON by spaces, which is safe because they only occur between tokens."""
    if (b"\n" in payload or b"\r" in payload) and parse(payload) is not NOT_JSON:
        return payload.replace(b"\n", b" ").replace(b"\r", b" ")
    return payload
