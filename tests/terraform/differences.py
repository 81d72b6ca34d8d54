"""How what Terraform applies differs from what is provisioned on one machine, setting by setting, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

ABSENT = "absent"
ANY = object()


@dataclass(frozen=True)
class Difference:
    """Settings of some paths that are ``local`` on one machine and ``aws`` by Terraform, with the reason."""

    paths: str
    local: Any
    aws: Any
    why: str

    def covers(self, path: str, local: Any, aws: Any) -> bool:
        return fnmatchcase(path, self.paths) and _is(self.local, local) and _is(self.aws, aws)


def _is(expected: Any, value: Any) -> bool:
    return expected is ANY or bool(expected == value)


def unexplained(local: Mapping[str, Any], aws: Mapping[str, Any], named: Iterable[Difference]) -> list[str]:
    """What differs and is not named, and what is named and does not differ."""
    named, used, wrong = list(named), set(), []
    for path in sorted(local.keys() | aws.keys()):
        one, other = local.get(path, ABSENT), aws.get(path, ABSENT)
        if one != other:
            reasons = {number for number, difference in enumerate(named) if difference.covers(path, one, other)}
            used |= reasons
            if not reasons:
                wrong.append(f"{path}: {one!r} on one machine, {other!r} by Terraform")
    wrong += [f"{named[number].paths}: differs no more" for number in range(len(named)) if number not in used]
    return wrong


def _added(paths: str, why: str) -> Difference:
    return Difference(paths, ABSENT, ANY, why)


WRITTEN_OUT = "AWS's default, which the provider writes out"
TLS = "on one machine all is loopback"
ENCRYPTED = "the emulator encrypts nothing, so there is no key"

DIFFERENCES = [
    # Alarms
    Difference(
        "alarm/*/AlarmDescription", ANY, ANY, "ends with the runbook's address, which one machine has as a file"
    ),
    _added("alarm/iot-*Function-errors/*", "the emulator has no metrics of Lambda"),
    _added("alarm/iot-*Function-throttles/*", "the emulator has no metrics of Lambda"),
    _added("alarm/iot-executions-*/*", "the emulator has no metrics of Step Functions"),
    _added("alarm/iot-*-delivery-freshness/*", "the emulator's Firehose does not lag"),
    _added("alarm/iot-*-delivery-success/*", "the emulator's Firehose does not fail"),
    _added("alarm/iot-*-topic-rule-failures/*", "the emulator has no metrics of a rule's failures"),
    _added("alarm/iot-*-error-action-failures/*", "the emulator has no metrics of a rule's failures"),
    _added("alarm/iot-*-topic-rule-throttles/*", "the emulator throttles no rule"),
    _added("alarm/iot-airflow-*/*", "one machine has no MWAA; `telemetry status` looks at its Airflow"),
    # Buckets
    _added("bucket/iot-access-logs-*", "nobody but its owner reads on one machine"),
    _added("bucket/iot-airflow-*", "Airflow reads its files from the checkout on one machine"),
    Difference("bucket/*/encryption/*/SSEAlgorithm", "AES256", "aws:kms", ENCRYPTED),
    Difference("bucket/*/encryption/*/BucketKeyEnabled", False, True, ENCRYPTED),
    Difference("bucket/*/encryption/*/KMSMasterKeyID", ABSENT, "<key>", ENCRYPTED),
    Difference("bucket/*/lifecycle", None, ABSENT, "a demonstration does not age"),
    _added("bucket/*/lifecycle/*", "a demonstration does not age"),
    Difference("bucket/*/logging", None, ABSENT, "nobody but its owner reads on one machine"),
    _added("bucket/*/logging/*", "nobody but its owner reads on one machine"),
    Difference("bucket/*/policy", None, ABSENT, TLS),
    _added("bucket/*/policy/*", TLS),
    # Firehose and topic rules
    _added("delivery-stream/*/DeliveryStreamEncryptionConfiguration/*", ENCRYPTED),
    Difference("delivery-stream/*/DataFormatConversionConfiguration/Enabled", ABSENT, False, WRITTEN_OUT),
    Difference("delivery-stream/*/ProcessingConfiguration/Enabled", ABSENT, False, WRITTEN_OUT),
    Difference("delivery-stream/*/ProcessingConfiguration/Processors", ABSENT, [], WRITTEN_OUT),
    Difference("rule/*/action/firehose/batchMode", ABSENT, False, WRITTEN_OUT),
    Difference("rule/*/description", "", ANY, "for who looks at AWS's console"),
    # Functions
    Difference("function/*/Description", "", ANY, "for who looks at AWS's console"),
    Difference("function/*/Environment/Variables/TELEMETRY_DATABASE_SECRET", "telemetry/warehouse", ANY, "its ARN"),
    Difference("function/*/KMSKeyArn", "", "<key>", ENCRYPTED),
    Difference(
        "function/*/Role", "arn:aws:iam::000000000000:role/iot-functions", ANY, "a role each, with what it needs"
    ),
    Difference("function/*/TracingConfig/Mode", "PassThrough", "Active", "the emulator has no X-Ray"),
    Difference("function/*/VpcConfig/Ipv6AllowedForDualStack", ABSENT, False, WRITTEN_OUT),
    Difference("function/*/VpcConfig/SecurityGroupIds", [], ANY, "one machine has no VPC"),
    Difference("function/*/VpcConfig/SubnetIds", [], ANY, "one machine has no VPC"),
    Difference("function/*/VpcConfig/VpcId", "", ANY, "one machine has no VPC"),
    Difference("layer/*/CompatibleArchitectures", [], ["x86_64"], "one machine's layer is for that machine"),
    Difference("layer/*/CompatibleRuntimes", [], ANY, "one machine's layer is for that machine"),
    Difference("layer/*/Description", ANY, ANY, "names the same content: by its recipe here, by its bytes there"),
    # Logs
    Difference("log-group/*/key", None, "<key>", ENCRYPTED),
    Difference("log-group/*/retention", None, 365, "a demonstration does not age"),
    _added("log-group/AWSIotLogsV2/*", "the emulator has no logs of IoT"),
    _added("log-group//aws/rds/*", "PostgreSQL's log is a file on one machine"),
    _added("log-group//aws/vendedlogs/states/*", "the emulator logs no executions"),
    _added("log-group//aws/vpc/*", "one machine has no VPC"),
    _added("log-group/airflow-*", "Airflow's logs are files on one machine"),
    # Who publishes
    _added("policy/iot-device/*", "one machine has its gateway only, which publishes for all devices"),
    _added("thing/device-1/*", "one machine has its gateway only, which publishes for all devices"),
    # Queues
    _added("queue/*/Policy/*", TLS),
    _added("queue/*-dlq/RedriveAllowPolicy/*", "one account on one machine"),
    # Schedule and state machine
    Difference("schedule/*/Description", ABSENT, ANY, "for who looks at AWS's console"),
    _added("state-machine/*/loggingConfiguration/destinations/*", "the emulator logs no executions"),
    Difference("state-machine/*/loggingConfiguration/includeExecutionData", False, True, "the emulator logs none"),
    Difference("state-machine/*/loggingConfiguration/level", "OFF", "ERROR", "the emulator logs no executions"),
    # The alarm topic
    Difference("topic/*/*SuccessFeedbackSampleRate", ABSENT, "0", WRITTEN_OUT),
    Difference("topic/*/KmsMasterKeyId", ABSENT, "<key>", ENCRYPTED),
    Difference(
        "topic/*/Policy/*", ANY, ANY, "SNS's own policy on one machine; for CloudWatch and over TLS only by Terraform"
    ),
    Difference("topic/*/SubscriptionsConfirmed", "0", "1", "the e-mail addresses of a variable"),
    Difference("topic/*/subscriptions", [], ANY, "the e-mail addresses of a variable"),
]
