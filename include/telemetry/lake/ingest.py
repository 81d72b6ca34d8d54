"""How messages are written into both lanes: the topic rule's SQL, and the format of Firehose's objects.

The local stack uses it directly, Terraform by way of ``streams.json``. None of it is a setting, because the ETL depends
on all of it.
"""

from __future__ import annotations

SQL_VERSION = "2016-03-23"
SEPARATOR = "\n"
"""The topic rule ends every record with it; Firehose adds nothing between records."""
COMPRESSION = "GZIP"
_SELECT = "SELECT newuuid() AS message_id, topic() AS topic, timestamp() AS received_at, encode(*, 'base64') AS payload"


def topic_rule_sql(topic: str) -> str:
    """Return the SQL that puts every message on the topic filter ``topic`` into an envelope.

    It is in ``SQL_VERSION`` of AWS IoT's SQL (developer guide, "AWS IoT SQL reference"). Envelopes are described in
    ``telemetry.lake.envelopes``.
    """
    return f"{_SELECT} FROM '{topic}'"
