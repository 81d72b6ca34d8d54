"""Each stream's queue with its dead-letter queue, and the topic for alarms."""

from __future__ import annotations

import json
from typing import Any

from telemetry.aws.queues import find_queue
from telemetry.local.provision.deployment import LocalDeployment


def provision_queues(local: LocalDeployment) -> None:
    """Create or update a queue for each stream, and the dead-letter queue of messages that are received too often."""
    names, settings = local.settings.names, local.settings.queue
    both = {
        "MaximumMessageSize": str(settings.message_bytes_max),
        "MessageRetentionPeriod": str(settings.retention_seconds),
        "SqsManagedSseEnabled": "true",
    }
    for stream in local.streams:
        dead = _provision(local, names.dead_letter_queue(stream), both)
        redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": settings.max_receive_count}
        visibility = {"VisibilityTimeout": str(settings.visibility_timeout_seconds)}
        _provision(local, names.queue(stream), both | visibility | {"RedrivePolicy": json.dumps(redrive)})


def provision_topic(local: LocalDeployment) -> None:
    """Create the SNS topic that NotifyFailure and alarms publish to."""
    sns, arn = local.client("sns"), local.arn("sns", local.settings.names.alarm_topic)
    try:
        sns.get_topic_attributes(TopicArn=arn)
    except sns.exceptions.NotFoundException:
        sns.create_topic(Name=local.settings.names.alarm_topic)
        local.changed(f"topic {local.settings.names.alarm_topic}: created")


def _provision(local: LocalDeployment, name: str, wanted: dict[str, str]) -> str:
    """Create or update the queue ``name`` with the attributes ``wanted``, and return its ARN."""
    sqs = local.client("sqs")
    if (url := find_queue(sqs, name)) is None:
        sqs.create_queue(QueueName=name, Attributes=wanted)
        local.changed(f"queue {name}: created")
        return local.arn("sqs", name)
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    different = {key: value for key, value in wanted.items() if _decoded(found.get(key, "")) != _decoded(value)}
    if different:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=different)
        local.changed(f"queue {name}: {', '.join(different)} changed")
    return local.arn("sqs", name)


def _decoded(value: str) -> Any:
    """SQS returns a redrive policy with other white space than it was sent."""
    return json.loads(value) if value.startswith("{") else value
