"""The limits that stand in AWS's documentation alone, not in its service models: each with the page that sets it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Limit:
    """What the attribute of resources of some types may be: texts that match ``pattern``, up to ``most`` characters."""

    types: tuple[str, ...]
    attribute: str
    source: str
    pattern: str = ""
    most: int | None = None

    def faults(self, values: Values) -> Iterator[str]:
        """Yield what is wrong with a resource; an attribute that is not known yet is not judged."""
        value = values.get(self.attribute)
        if not isinstance(value, str):
            return
        if self.pattern and not re.fullmatch(self.pattern, value, re.ASCII):
            yield f"{self.attribute}: {value!r} does not match {self.pattern} ({self.source})"
        if self.most is not None and _length(value) > self.most:
            yield f"{self.attribute}: {_length(value)} characters, and AWS takes {self.most} ({self.source})"


def _length(value: str) -> int:
    """AWS does not count the white space of a policy, which Terraform writes without any."""
    try:
        return len(json.dumps(json.loads(value), separators=(",", ":"))) if value.startswith("{") else len(value)
    except ValueError:
        return len(value)


SECURITY_GROUPS = ("aws_security_group", "aws_default_security_group")
SECURITY_GROUP_RULES = ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
EC2_TEXT = r"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]*"

LIMITS = (
    Limit(SECURITY_GROUPS, "name", "EC2 API, CreateSecurityGroup", rf"(?!sg-){EC2_TEXT}", 255),
    Limit(SECURITY_GROUPS, "description", "EC2 API, CreateSecurityGroup", EC2_TEXT, 255),
    Limit(SECURITY_GROUP_RULES, "description", "EC2 API, IpRange and UserIdGroupPair", EC2_TEXT, 255),
    Limit(("aws_vpc_endpoint",), "policy", "Amazon VPC quotas", most=20480),
    Limit(("aws_iam_role",), "name", "IAM quotas", r"[\w+=,.@-]+", 64),
    Limit(("aws_iam_role",), "assume_role_policy", "IAM quotas, role trust policy", most=2048),
    Limit(("aws_iam_role",), "path", "IAM identifiers", r"/|/[!-~]+/", 512),
    Limit(("aws_iot_policy",), "policy", "AWS IoT Core quotas, policy document size", most=2048),
    Limit(("aws_lambda_function",), "function_name", "Lambda API, CreateFunction", r"[a-zA-Z0-9_-]+", 64),
    Limit(("aws_sqs_queue",), "name", "SQS API, CreateQueue", r"[a-zA-Z0-9_-]+(\.fifo)?", 80),
    Limit(("aws_sns_topic",), "name", "SNS API, CreateTopic", r"[a-zA-Z0-9_-]+(\.fifo)?", 256),
    Limit(("aws_sns_topic",), "display_name", "SNS API, SetTopicAttributes", most=100),
    Limit(
        ("aws_s3_bucket",),
        "bucket",
        "S3 user guide, Bucket naming rules",
        r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)",
    ),
    Limit(("aws_s3_bucket_policy",), "policy", "S3 quotas, bucket policy", most=20480),
    Limit(("aws_s3_object",), "key", "S3 user guide, Naming objects", most=1024),
    Limit(
        ("aws_db_instance",),
        "identifier",
        "RDS API, CreateDBInstance",
        r"(?!.*--)[a-zA-Z][a-zA-Z0-9-]{0,62}(?<!-)",
    ),
    Limit(("aws_db_instance",), "db_name", "RDS API, CreateDBInstance", r"[a-zA-Z_][a-zA-Z0-9_]{0,62}"),
    Limit(("aws_db_instance",), "username", "RDS API, CreateDBInstance", r"[a-zA-Z][a-zA-Z0-9_]{0,15}"),
    Limit(
        ("aws_db_instance",),
        "final_snapshot_identifier",
        "RDS API, DeleteDBInstance",
        r"(?!.*--)[a-zA-Z][a-zA-Z0-9-]{0,254}(?<!-)",
    ),
    Limit(
        ("aws_db_parameter_group",),
        "name",
        "RDS API, CreateDBParameterGroup",
        r"(?!.*--)[a-z][a-z0-9.-]{0,254}(?<!-)",
    ),
    Limit(("aws_db_subnet_group",), "name", "RDS API, CreateDBSubnetGroup", r"[a-z][a-z0-9. _-]{0,254}"),
    Limit(("aws_db_subnet_group", "aws_db_parameter_group"), "description", "RDS API", r"[ -~]*", 255),
    Limit(("aws_glue_catalog_database",), "name", "Athena, Name databases and tables", r"[a-z0-9_]+", 255),
    Limit(("aws_glue_catalog_table",), "name", "Athena, Name databases and tables", r"[a-z0-9_]+", 255),
    Limit(("aws_kms_key_policy",), "policy", "KMS quotas, key policy document size", most=32768),
    Limit(("aws_kms_alias",), "name", "KMS API, CreateAlias", r"alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}"),
    Limit(("aws_ssm_parameter",), "value", "SSM API, PutParameter, standard tier", most=4096),
    Limit(("aws_ssm_parameter",), "name", "SSM API, PutParameter", r"/?(?!(?i:aws|ssm))[a-zA-Z0-9_./-]+", 1011),
    Limit(("aws_sfn_state_machine",), "name", "Step Functions API, CreateStateMachine", r"[a-zA-Z0-9_-]+", 80),
    Limit(("aws_iot_topic_rule",), "sql", "AWS IoT Core quotas, rule size", most=256 * 1024),
    Limit(("aws_budgets_budget",), "name", "Budgets API, Budget", r"[^:\\]+", 100),
)
"""Texts."""

TAG_KEY = r"(?!(?i:aws:))[\w\s+\-=.:/@]{1,128}"
TAG_VALUE = r"[\w\s+\-=.:/@]{0,256}"
LAMBDA_ENVIRONMENT_BYTES = 4096
ROLE_POLICIES_CHARACTERS = 10240
RULES_OF_A_SECURITY_GROUP = 60
ALARM_SECONDS, LONG_ALARM_SECONDS = 86400, 7 * 86400


def tag_faults(kind: str, values: Values) -> Iterator[str]:
    """Tag Editor user guide, "Tag naming limits and requirements"; S3 user guide, object tags: 10 at most."""
    tags = values.get("tags_all") or values.get("tags") or {}
    most = 10 if kind == "aws_s3_object" else 50
    if len(tags) > most:
        yield f"tags: {len(tags)}, and AWS takes {most}"
    for key, value in tags.items():
        if not re.fullmatch(TAG_KEY, key) or (value is not None and not re.fullmatch(TAG_VALUE, value)):
            yield f"tags: {key!r} = {value!r}"


def function_faults(values: Values) -> Iterator[str]:
    """Lambda quotas: all environment variables of a function have 4 KB."""
    for environment in values.get("environment") or []:
        variables = environment.get("variables") or {}
        size = sum(len(f"{name}{value or ''}".encode()) for name, value in variables.items())
        if size > LAMBDA_ENVIRONMENT_BYTES:
            yield f"environment: {size} bytes, and AWS takes {LAMBDA_ENVIRONMENT_BYTES}"


def alarm_faults(values: Values) -> Iterator[str]:
    """CloudWatch API, PutMetricAlarm: periods together have a day at most; a week if each has an hour or more."""
    period, periods = values.get("period"), values.get("evaluation_periods")
    if not period or not periods:
        return
    most = LONG_ALARM_SECONDS if period >= 3600 else ALARM_SECONDS
    if period * periods > most:
        yield f"evaluation_periods: {periods} of {period} s are more than {most} s"
    if period not in (10, 20, 30) and period % 60:
        yield f"period: {period} s is no multiple of a minute"


def together_faults(resources: Iterable[tuple[str, Values]]) -> Iterator[str]:
    """Limits of several resources together: a role's inline policies (IAM quotas), a group's rules (VPC quotas)."""
    policies: dict[str, int] = defaultdict(int)
    rules: dict[tuple[str, str], int] = defaultdict(int)
    for kind, values in resources:
        if kind == "aws_iam_role_policy" and isinstance(values.get("policy"), str):
            policies[str(values["role"])] += _length(values["policy"])
        if kind in SECURITY_GROUP_RULES and values.get("security_group_id"):
            rules[kind, values["security_group_id"]] += 1
    for role, size in policies.items():
        if size > ROLE_POLICIES_CHARACTERS:
            yield f"role {role}: {size} characters of inline policies, and AWS takes {ROLE_POLICIES_CHARACTERS}"
    for (kind, group), number in rules.items():
        if number > RULES_OF_A_SECURITY_GROUP:
            yield f"{kind} of {group}: {number} rules, and AWS takes {RULES_OF_A_SECURITY_GROUP}"
