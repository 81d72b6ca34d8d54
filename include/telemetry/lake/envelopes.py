"""Envelopes: how a message keeps its boundaries, its bytes and its identity on the way through both lanes.

The topic rule makes one of every message, once for both lanes. So a payload is exactly one line in the lake and one
body in the queue whatever its bytes are, and the same message is known again wherever it turns up
(docs/decisions/0004-messages-travel-in-envelopes.md).
"""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple

from telemetry.contracts.model import FieldType

MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,128}")
FIELDS = {
    "message_id": FieldType.string,
    "topic": FieldType.string,
    "received_at": FieldType.integer,
    "payload": FieldType.string,
}
"""What the topic rule's SQL selects (AWS IoT Core developer guide, "Working with binary payloads")."""

DAY_MILLISECONDS = 86_400_000
LAST_DAY = (date.max - date(1970, 1, 1)).days

_members = itemgetter(*FIELDS)


class Envelope(NamedTuple):
    """One message. ``received_at`` is in milliseconds since 1970; ``payload`` still in base64."""

    message_id: str
    topic: str | None
    received_at: int
    payload: str

    @property
    def day(self) -> int:
        """The day it was received, in days since 1970 (UTC)."""
        return self.received_at // DAY_MILLISECONDS


def envelope_of(document: Any) -> Envelope | None:
    """The envelope that a decoded line is; ``None`` for anything else, which is a payload itself."""
    if type(document) is not dict or len(document) != len(FIELDS):
        return None
    try:
        message_id, topic, received_at, payload = _members(document)
    except KeyError:
        return None
    if type(message_id) is not str or type(received_at) is not int or type(payload) is not str:
        return None
    if not MESSAGE_ID.fullmatch(message_id) or not (topic is None or type(topic) is str):
        return None
    if not 0 <= received_at < (LAST_DAY + 1) * DAY_MILLISECONDS:
        return None
    return Envelope(message_id, topic, received_at, payload)


def open_envelope(envelope: Envelope) -> bytes | None:
    """The payload's bytes; ``None`` where it is no base64."""
    try:
        return a2b_base64(envelope.payload, strict_mode=True)
    except (NotBase64, ValueError):
        return None


def as_line(body: str, message_id: str, received_at: int) -> bytes:
    """A queue message's body as a line: as it is where it is an envelope, else in one of its own.

    ``message_id`` and ``received_at`` (milliseconds since 1970) are SQS's.
    """
    import orjson  # not at the top: DAGs import this module, and MWAA's image has no orjson

    text = body.encode("utf-8", "surrogatepass")  # a lone surrogate becomes bytes that are not UTF-8
    try:
        enveloped = b"\n" not in text and envelope_of(orjson.loads(text)) is not None
    except orjson.JSONDecodeError:
        enveloped = False
    if enveloped:
        return text + b"\n"
    payload = b2a_base64(text, newline=False).decode()
    document = {"message_id": message_id, "topic": None, "received_at": received_at, "payload": payload}
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def in_envelope(topic: str, received_at: datetime, payload: bytes, number: int) -> bytes:
    """A recorded message as the topic rule would have put it, on one line without its end.

    The id follows from the message and its ``number`` in the recording: written again, it is the same.
    """
    import orjson

    milliseconds = (received_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    text = b2a_base64(payload, newline=False).decode()
    message_id = sha256(f"{number} {milliseconds} {topic} {text}".encode()).hexdigest()[:32]
    return orjson.dumps({"message_id": message_id, "topic": topic, "received_at": milliseconds, "payload": text})


def day_number(moment: datetime) -> int:
    """The day of a moment, as an envelope has it."""
    return (moment.astimezone(UTC).date() - date(1970, 1, 1)).days


def day_of(number: int) -> date:
    """The day of that number."""
    return date(1970, 1, 1) + timedelta(days=number)
