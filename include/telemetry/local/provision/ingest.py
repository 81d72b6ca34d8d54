"""Each stream's delivery stream and topic rule, which hand its messages to both lanes."""

from __future__ import annotations

from typing import Any

from telemetry.aws.queues import queue_url
from telemetry.contracts.model import Stream
from telemetry.lake import layout
from telemetry.lake.ingest import COMPRESSION, SEPARATOR, SQL_VERSION, topic_rule_sql
from telemetry.local.provision.deployment import LocalDeployment, differs

LOG_STREAM = "S3Delivery"


def provision_delivery_streams(local: LocalDeployment) -> None:
    """Create or update a delivery stream for each stream, into the raw bucket by hour of arrival."""
    role = local.role("firehose", "firehose.amazonaws.com")
    for stream in local.streams:
        name = local.settings.names.delivery_stream(stream)
        provision_log_group(local, f"/aws/firehose/{name}", LOG_STREAM)
        _provision_delivery_stream(local, name, _destination(local, stream, role))


def provision_rules(local: LocalDeployment) -> None:
    """Create or update a topic rule for each stream, to both lanes; failures go to the raw bucket."""
    iot, role = local.client("iot"), local.role("topic-rules", "iot.amazonaws.com")
    existing = {rule["ruleName"] for rule in iot.list_topic_rules()["rules"]}
    for contract in local.streams.values():
        name, wanted = local.settings.names.topic_rule(contract.stream), _rule(local, contract, role)
        if name not in existing:
            iot.create_topic_rule(ruleName=name, topicRulePayload=wanted)
            local.changed(f"topic rule {name}: created")
        elif differs(iot.get_topic_rule(ruleName=name)["rule"], wanted):
            iot.replace_topic_rule(ruleName=name, topicRulePayload=wanted)
            local.changed(f"topic rule {name}: changed")
    first = local.settings.names.topic_rule("")
    for name in sorted(existing - {local.settings.names.topic_rule(stream) for stream in local.streams}):
        if name.startswith(first):
            stream = name.removeprefix(first)
            local.progress(f"stream {stream} has no contract any more: its rule, queue and objects are left alone")


def provision_log_group(local: LocalDeployment, group: str, stream: str = "") -> None:
    """Create a log group if it is missing, with a log stream if one is given."""
    logs = local.client("logs")
    found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if not any(known["logGroupName"] == group for known in found):
        logs.create_log_group(logGroupName=group)
        if stream:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        local.changed(f"log group {group}: created")


def _provision_delivery_stream(local: LocalDeployment, name: str, wanted: dict[str, Any]) -> None:
    firehose = local.client("firehose")
    try:
        found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    except firehose.exceptions.ResourceNotFoundException:
        firehose.create_delivery_stream(
            DeliveryStreamName=name, DeliveryStreamType="DirectPut", ExtendedS3DestinationConfiguration=wanted
        )
        local.changed(f"delivery stream {name}: created")
        return
    destination = found["Destinations"][0]
    if differs(destination["ExtendedS3DestinationDescription"], wanted):
        firehose.update_destination(
            DeliveryStreamName=name,
            CurrentDeliveryStreamVersionId=found["VersionId"],
            DestinationId=destination["DestinationId"],
            ExtendedS3DestinationUpdate=wanted,
        )
        local.changed(f"delivery stream {name}: changed")


def _destination(local: LocalDeployment, stream: str, role: str) -> dict[str, Any]:
    settings, name = local.settings.firehose, local.settings.names.delivery_stream(stream)
    return {
        "RoleARN": role,
        "BucketARN": f"arn:aws:s3:::{local.deployment.raw_bucket}",
        "Prefix": layout.firehose_prefix(stream),
        "ErrorOutputPrefix": layout.firehose_error_prefix(stream),
        "BufferingHints": {
            "IntervalInSeconds": settings.buffer_seconds,
            "SizeInMBs": settings.buffer_megabytes,
        },
        "CompressionFormat": COMPRESSION,
        "CloudWatchLoggingOptions": {
            "Enabled": True,
            "LogGroupName": f"/aws/firehose/{name}",
            "LogStreamName": LOG_STREAM,
        },
    }


def _rule(local: LocalDeployment, stream: Stream, role: str) -> dict[str, Any]:
    names = local.settings.names
    return {
        "sql": topic_rule_sql(stream.topic),
        "awsIotSqlVersion": SQL_VERSION,
        "ruleDisabled": False,
        "actions": [
            {
                "firehose": {
                    "roleArn": role,
                    "deliveryStreamName": names.delivery_stream(stream.stream),
                    "separator": SEPARATOR,
                }
            },
            {
                "sqs": {
                    "roleArn": role,
                    "queueUrl": queue_url(local.client("sqs"), names.queue(stream.stream)),
                    "useBase64": False,
                }
            },
        ],
        "errorAction": {
            "s3": {
                "roleArn": role,
                "bucketName": local.deployment.raw_bucket,
                "key": layout.rule_error_key(stream.stream),
            }
        },
    }
