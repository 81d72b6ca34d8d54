"""What a deployment on the emulator is like, asked of its APIs: setting by setting, whoever made it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Client = Callable[[str], Any]
Settings = dict[str, Any]
"""Values by their path, such as ``queue/iot-telemetry-etl-data-queue/VisibilityTimeout``."""

# What differs between two deployments of the same things: names of their own, times, counters, the state of an alarm.
PASSING = {
    "AlarmArn",
    "AlarmConfigurationUpdatedTimestamp",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CodeSize",
    "CreatedTimestamp",
    "LastModified",
    "LastModifiedTimestamp",
    "RevisionId",
    "StateReason",
    "StateReasonData",
    "StateTransitionedTimestamp",
    "StateUpdatedTimestamp",
    "StateValue",
    "createdAt",
    "creationTime",
    "creationDate",
    "lastModifiedDate",
    "revisionId",
    "updateDate",
    "generationId",
    "storedBytes",
    "metricFilterCount",
    "ResponseMetadata",
}


def describe(client: Client, names: Mapping[str, str]) -> Settings:
    """Every setting of a deployment; ``names`` gives words for what has another name in another deployment."""
    found = {
        kind: {str(name): what for name, what in describer(client)}
        for kind, describer in {
            "alarm": _alarms,
            "bucket": _buckets,
            "delivery-stream": _delivery_streams,
            "function": _functions,
            "layer": _layers,
            "log-group": _log_groups,
            "policy": _policies,
            "queue": _queues,
            "rule": _rules,
            "schedule": _schedules,
            "state-machine": _state_machines,
            "thing": _things,
            "topic": _topics,
        }.items()
    }
    text = json.dumps(found, default=str)
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return dict(_flat("", json.loads(text)))


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The leaves. A string that is a JSON document is looked into; lists of documents are compared in an order."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        value = _parsed(value)
    if isinstance(value, dict) and value:
        for key, part in value.items():
            if key not in PASSING:
                yield from _flat(f"{path}/{key}" if path else key, part)
    elif isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        for number, part in enumerate(sorted(value, key=lambda part: json.dumps(part, sort_keys=True))):
            yield from _flat(f"{path}/{number}", part)
    else:
        yield path, sorted(value) if isinstance(value, list) else value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _pages(client: Any, operation: str, key: str) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate():
        yield from page.get(key, [])


def _alarms(client: Client) -> Iterator[tuple[str, Any]]:
    for alarm in _pages(client("cloudwatch"), "describe_alarms", "MetricAlarms"):
        yield alarm["AlarmName"], alarm


def _buckets(client: Client) -> Iterator[tuple[str, Any]]:
    s3 = client("s3")
    asked = {
        "versioning": s3.get_bucket_versioning,
        "public-access": s3.get_public_access_block,
        "encryption": s3.get_bucket_encryption,
        "lifecycle": s3.get_bucket_lifecycle_configuration,
        "policy": s3.get_bucket_policy,
        "ownership": s3.get_bucket_ownership_controls,
        "logging": s3.get_bucket_logging,
        "notification": s3.get_bucket_notification_configuration,
    }
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        yield name, {what: _answer(s3, ask, Bucket=name) for what, ask in asked.items()}


def _answer(client: Any, ask: Callable[..., Any], **arguments: str) -> Any:
    """An answer, or none where there is nothing of the kind."""
    try:
        answer = ask(**arguments)
    except client.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if not code.startswith("NoSuch") and not code.endswith(("NotFoundError", "NotFoundException")):
            raise
        return None
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"} or None


def _delivery_streams(client: Client) -> Iterator[tuple[str, Any]]:
    firehose = client("firehose")
    for name in firehose.list_delivery_streams()["DeliveryStreamNames"]:
        found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
        kept = ("DeliveryStreamType", "DeliveryStreamEncryptionConfiguration")
        destination = found["Destinations"][0]["ExtendedS3DestinationDescription"]
        yield name, {key: found[key] for key in kept if key in found} | {"destination": destination}


def _functions(client: Client) -> Iterator[tuple[str, Any]]:
    functions = client("lambda")
    for found in _pages(functions, "list_functions", "Functions"):
        name = found["FunctionName"]
        whole = functions.get_function_configuration(FunctionName=name)
        whole["Layers"] = [layer["Arn"] for layer in whole.get("Layers", [])]
        policy = _answer(functions, functions.get_policy, FunctionName=name)
        yield name, whole | {"policy": policy["Policy"] if policy else None}


def _layers(client: Client) -> Iterator[tuple[str, Any]]:
    functions = client("lambda")
    for layer in _pages(functions, "list_layers", "Layers"):
        version = layer["LatestMatchingVersion"]["Version"]
        found = functions.get_layer_version(LayerName=layer["LayerName"], VersionNumber=version)
        kept = ("CompatibleRuntimes", "CompatibleArchitectures", "Description")
        settings = {key: found.get(key) for key in kept}
        yield layer["LayerName"], settings | {"CodeSha256": found["Content"]["CodeSha256"], "Version": version}


def _log_groups(client: Client) -> Iterator[tuple[str, Any]]:
    logs = client("logs")
    for group in _pages(logs, "describe_log_groups", "logGroups"):
        name = group["logGroupName"]
        streams = logs.describe_log_streams(logGroupName=name)["logStreams"]
        made = [stream["logStreamName"] for stream in streams if "[$LATEST]" not in stream["logStreamName"]]
        yield name, {"retention": group.get("retentionInDays"), "key": group.get("kmsKeyId"), "streams": made}


def _policies(client: Client) -> Iterator[tuple[str, Any]]:
    iot = client("iot")
    for policy in iot.list_policies()["policies"]:
        yield policy["policyName"], iot.get_policy(policyName=policy["policyName"])["policyDocument"]


def _queues(client: Client) -> Iterator[tuple[str, Any]]:
    sqs = client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        yield url.rsplit("/", 1)[1], sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def _rules(client: Client) -> Iterator[tuple[str, Any]]:
    iot = client("iot")
    for rule in iot.list_topic_rules()["rules"]:
        found = iot.get_topic_rule(ruleName=rule["ruleName"])["rule"]
        actions = {name: what for action in found.pop("actions") for name, what in action.items()}
        yield rule["ruleName"], found | {"action": actions}


def _schedules(client: Client) -> Iterator[tuple[str, Any]]:
    events = client("events")
    for rule in events.list_rules()["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        yield rule["Name"], rule | {"target": targets}


def _state_machines(client: Client) -> Iterator[tuple[str, Any]]:
    machines = client("stepfunctions")
    for machine in _pages(machines, "list_state_machines", "stateMachines"):
        yield machine["name"], machines.describe_state_machine(stateMachineArn=machine["stateMachineArn"])


def _things(client: Client) -> Iterator[tuple[str, Any]]:
    iot = client("iot")
    for thing in iot.list_things()["things"]:
        principals = iot.list_thing_principals(thingName=thing["thingName"])["principals"]
        attached = [iot.list_attached_policies(target=one)["policies"] for one in principals]
        names = [policy["policyName"] for policies in attached for policy in policies]
        yield thing["thingName"], {"attributes": thing.get("attributes"), "policies": names}


def _topics(client: Client) -> Iterator[tuple[str, Any]]:
    sns = client("sns")
    for topic in sns.list_topics()["Topics"]:
        attributes = sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
        subscribed = sns.list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]
        endpoints = [f"{one['Protocol']}:{one['Endpoint']}" for one in subscribed]
        yield topic["TopicArn"].rsplit(":", 1)[1], attributes | {"subscriptions": endpoints}
