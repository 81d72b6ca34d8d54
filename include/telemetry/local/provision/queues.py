"""Each stream's queue with its dead-letter queue, and the topic that is told of failures."""

from __future__ import annotations

import json
from typing import Any

from telemetry.aws.queues import find_queue
from telemetry.local.provision.site import Site


def provision_queues(site: Site) -> None:
    """A queue for each stream; a message received too often goes to its dead-letter queue."""
    names, settings = site.settings.names, site.settings.queue
    both = {
        "MaximumMessageSize": str(settings.message_bytes_max),
        "MessageRetentionPeriod": str(settings.retention_seconds),
        "SqsManagedSseEnabled": "true",
    }
    for stream in site.streams:
        dead = _provision(site, names.dead_letter_queue(stream), both)
        redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": settings.max_receive_count}
        visibility = {"VisibilityTimeout": str(settings.visibility_timeout_seconds)}
        _provision(site, names.queue(stream), both | visibility | {"RedrivePolicy": json.dumps(redrive)})


def provision_topic(site: Site) -> None:
    """The SNS topic that NotifyFailure and alarms publish to."""
    sns, arn = site.client("sns"), site.arn("sns", site.settings.names.alarm_topic)
    try:
        sns.get_topic_attributes(TopicArn=arn)
    except sns.exceptions.NotFoundException:
        sns.create_topic(Name=site.settings.names.alarm_topic)
        site.changed(f"topic {site.settings.names.alarm_topic}: created")


def _provision(site: Site, name: str, wanted: dict[str, str]) -> str:
    """The ARN of the queue ``name``, which has the attributes ``wanted`` afterwards."""
    sqs = site.client("sqs")
    if (url := find_queue(sqs, name)) is None:
        sqs.create_queue(QueueName=name, Attributes=wanted)
        site.changed(f"queue {name}: created")
        return site.arn("sqs", name)
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    different = {key: value for key, value in wanted.items() if _decoded(found.get(key, "")) != _decoded(value)}
    if different:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=different)
        site.changed(f"queue {name}: {', '.join(different)} changed")
    return site.arn("sqs", name)


def _decoded(value: str) -> Any:
    """A redrive policy comes back with other spaces than it went."""
    return json.loads(value) if value.startswith("{") else value
