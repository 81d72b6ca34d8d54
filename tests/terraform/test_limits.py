"""AWS accepts every value of both compositions: none is beyond a limit of its service models or documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from terraform.applied import Applied
from terraform.limits import violations
from terraform.planned import Plans
from terraform.tool import resources

KNOWN_AFTER_APPLY = {
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iot_policy",
    "aws_kms_key_policy",
    "aws_lambda_function",
    "aws_s3_bucket_policy",
    "aws_ssm_parameter",
}


@pytest.mark.parametrize("composition", ["minimal", "production"])
def test_every_planned_value_is_within_the_limits_of_aws(plans: Plans, composition: str) -> None:
    assert len(plans[composition]) > 150
    assert violations(plans[composition]) == []


def test_an_apostrophe_in_the_description_of_a_security_group_rule_is_a_violation(
    plans: Plans,
) -> None:
    """EC2 refuses it, and no provider checks it."""
    spoilt = [
        {**one, "values": {**one["values"], "description": f"{one['values']['description']} of MWAA's"}}
        for one in plans["production"]
        if one["type"].startswith("aws_vpc_security_group_") and "workers" in one["address"]
    ]
    assert len(spoilt) >= 5
    assert len(violations(spoilt)) == len(spoilt)


@pytest.mark.parametrize(
    ("kind", "values", "fault"),
    [
        ("aws_cloudwatch_metric_alarm", {"alarm_description": "x" * 1025}, "alarm_description: 1025 characters"),
        ("aws_cloudwatch_metric_alarm", {"period": 3600, "evaluation_periods": 200}, "evaluation_periods"),
        ("aws_cloudwatch_log_group", {"name": "/aws/lambda/what?"}, "name: '/aws/lambda/what?' does not match"),
        ("aws_iam_role", {"name": "r" * 65}, "name: 65 characters"),
        ("aws_iam_role", {"name": "r", "path": "no-slash"}, "path"),
        ("aws_lambda_function", {"environment": [{"variables": {"A": "x" * 5000}}]}, "environment: 5001 bytes"),
        ("aws_lambda_function", {"runtime": "python2.6"}, "runtime"),
        ("aws_s3_bucket", {"bucket": "Upper"}, "bucket"),
        ("aws_ssm_parameter", {"value": "x" * 4097}, "value: 4097 characters"),
        ("aws_sns_topic", {"tags_all": {"owner": "R&D"}}, "tags: 'owner' = 'R&D'"),
        ("aws_kinesis_stream", {}, "no limits are known of this type"),
    ],
)
def test_a_value_beyond_a_limit_is_named(kind: str, values: dict[str, Any], fault: str) -> None:
    found = violations([{"address": f"{kind}.this", "type": kind, "values": values}])
    assert any(one.startswith(f"{kind}.this: {fault}") for one in found), found


def test_inline_policies_of_a_role_are_counted_together() -> None:
    policy = json.dumps({"Statement": [{"Resource": "x" * 6000}]})
    role = {"role": "loader", "name": "p", "policy": policy}
    found = violations([{"address": f"p{n}", "type": "aws_iam_role_policy", "values": role} for n in range(2)])
    assert len(found) == 1
    assert "role loader: 12" in found[0]


def test_every_applied_policy_and_environment_is_within_the_limits_of_aws(applied: Applied) -> None:
    """A plan does not know them yet, since they name other resources."""
    managed = [one for one in resources(applied.state["values"]["root_module"]) if one["type"] in KNOWN_AFTER_APPLY]
    assert {one["type"] for one in managed} == KNOWN_AFTER_APPLY
    assert violations(managed) == []
