"""How messages are written into both lanes, so that the ETL can read them: the topic rule's SQL and Firehose's format.

Whoever builds a topic rule or a delivery stream, the local stack or Terraform, takes them from here. They are no
settings: the readers in this package depend on every one of them.
"""

from __future__ import annotations

SQL_VERSION = "2016-03-23"
SEPARATOR = "\n"
"""The topic rule ends every record with it; Firehose adds nothing between records."""
COMPRESSION = "GZIP"
_SELECT = "SELECT newuuid() AS message_id, topic() AS topic, timestamp() AS received_at, encode(*, 'base64') AS payload"


def topic_rule_sql(topic: str) -> str:
    """The SQL that puts every message on the topic filter ``topic`` into an envelope (``telemetry.lake.envelopes``).

    It is in ``SQL_VERSION`` of AWS IoT's SQL (developer guide, "AWS IoT SQL reference").
    """
    return f"{_SELECT} FROM '{topic}'"
