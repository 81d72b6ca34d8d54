"""What the message broker takes: payloads of at most 128 KB, counted by protocol; and the topics that no rule takes.

AWS IoT Core closes the connection of an MQTT client that publishes a larger payload (MQTT 5: reason code 0x95), and
answers a larger HTTPS request with 413. It does not tell that a message was on no rule's topic: here the last such
topics are kept, and ``GET /_telemetry/unmatched-topics`` lists them.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html ("AWS IoT Core message broker and protocol limits")
https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html#message-broker-metrics
"""

from __future__ import annotations

import json
import logging
import time
from collections import OrderedDict
from functools import lru_cache
from typing import Any, NamedTuple

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import iot, iot_data

from . import patching, state
from .journal import journal
from .metrics import Metric, record

PAYLOAD_BYTES_MAX = 128 * 1024
PACKET_TOO_LARGE = 0x95
"""MQTT 5.0, section 3.14.2.1."""
TOPICS_MAX = 100
UNMATCHED_PATH = "/_telemetry/unmatched-topics"
USED = ("_rules_for_account", "_rule_topic_filter", "_subscription_matches", "_run_rule_actions", "_make_disconnect")

logger = logging.getLogger("iot")


class PayloadTooLargeError(ValueError):
    """ministack closes a connection whose packet raises a ``ValueError``."""


class Seen(NamedTuple):
    """How many messages came on a topic, and when the first and the last, in seconds since the epoch."""

    messages: int
    first: float
    last: float


class UnmatchedTopics:
    """The topics on which messages came last that no rule takes; at most ``TOPICS_MAX``, the oldest first.

    Topics that begin with ``$`` are AWS's own, and are left out.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        journal.register("unmatched", "unmatched_topics", self._add)
        state.keep("unmatched_topics", self._get_state, self._restore)

    def add(self, topic: str) -> None:
        """A message came on the topic."""
        if not topic.startswith("$"):
            now = time.time()
            with journal:
                journal.add("unmatched", topic, now)
                self._add(topic, now)

    def _add(self, topic: str, now: float) -> None:
        messages, first, _ = self._seen.pop(topic, Seen(0, now, now))
        self._seen[topic] = Seen(messages + 1, first, now)
        while len(self._seen) > TOPICS_MAX:
            self._seen.popitem(last=False)

    def document(self) -> list[dict[str, Any]]:
        """The topics, the latest first."""
        return [{"topic": topic, **seen._asdict()} for topic, seen in reversed(self._seen.items())]

    def _get_state(self) -> dict[str, Any]:
        return {"topics": list(self._seen.items())}

    def _restore(self, saved: dict[str, Any] | None) -> None:
        self._seen = OrderedDict((topic, Seen(*seen)) for topic, seen in (saved or {}).get("topics", []))


def install() -> UnmatchedTopics:
    """Refuse large payloads, count what is published, and remember the topics that no rule takes."""
    for name in USED:
        patching.private(iot, name)
    unmatched = UnmatchedTopics()
    patching.replace(iot, "broker_publish", _refuse_large)
    patching.replace(iot, "_evaluate_topic_rules", lambda _: _evaluate(unmatched))
    patching.replace(iot_data, "_publish", _answer_large)
    patching.replace(iot._WSSession, "_reject_malformed_packet", _disconnect_large)
    return unmatched


async def answer(unmatched: UnmatchedTopics, send: Any) -> None:
    """Answer ``GET /_telemetry/unmatched-topics``, as ASGI has it."""
    body = json.dumps(unmatched.document()).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _refuse_large(publish: Any) -> Any:
    async def publish_and_count(account: str, region: str, topic: str, payload: bytes, **options: Any) -> None:
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise PayloadTooLargeError(f"a payload of {len(payload)} bytes on {topic!r}")
        await publish(account, region, topic, payload, **options)
        if options.get("client_id"):
            record(_published(account, region, "MQTT"))

    return publish_and_count


def _answer_large(publish: Any) -> Any:
    async def publish_or_refuse(topic: str, body: bytes, *rest: Any) -> Any:
        if len(body or b"") > PAYLOAD_BYTES_MAX:
            said = f"The payload has more than {PAYLOAD_BYTES_MAX} bytes."
            return error_response_json("RequestEntityTooLargeException", said, 413)
        answered = await publish(topic, body, *rest)
        if answered[0] < 400:
            record(_published(get_account_id(), get_region(), "HTTP"))
        return answered

    return publish_or_refuse


def _disconnect_large(reject: Any) -> Any:
    async def reject_with_reason(session: Any, kind: int, error: Exception) -> None:
        if not isinstance(error, PayloadTooLargeError):
            await reject(session, kind, error)
            return
        logger.warning("%s is refused: AWS IoT Core takes %d at most", error, PAYLOAD_BYTES_MAX)
        session._forced_disconnect_reason = "CLIENT_ERROR"
        if session.protocol_version == iot.MQTT_5:
            await session.send_bytes(iot._make_disconnect(PACKET_TOO_LARGE))

    return reject_with_reason


def _evaluate(unmatched: UnmatchedTopics) -> Any:
    async def evaluate(account: str, region: str, topic: str, payload: bytes, client_id: str | None = None) -> None:
        rules = [rule for rule in iot._rules_for_account(account, region) if _takes(rule, topic)]
        if not rules:
            unmatched.add(topic)
        for rule in rules:
            await iot._run_rule_actions(account, region, rule, payload, topic, client_id)

    return evaluate


def _takes(rule: dict[str, Any], topic: str) -> bool:
    topic_filter = _filter_of(rule.get("sql", ""))
    return bool(topic_filter and not rule.get("ruleDisabled") and iot._subscription_matches(topic_filter, topic))


@lru_cache(maxsize=1024)
def _filter_of(sql: str) -> str:
    return str(iot._rule_topic_filter(sql))


@lru_cache(maxsize=16)
def _published(account: str, region: str, protocol: str) -> Metric:
    return Metric(account, region, "AWS/IoT", "PublishIn.Success", (("Protocol", protocol),))
