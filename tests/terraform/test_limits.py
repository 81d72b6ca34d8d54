"""AWS accepts every value of both compositions: none is beyond a limit of its service models or documentation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from terraform.applied import Applied
from terraform.limits import violations
from terraform.tool import Terraform, resources

RUNS = Path(__file__).with_name("every_part.tftest.hcl")
WORKERS = Path("modules/network/workers.tf")


def planned(terraform: Terraform) -> dict[str, list[dict[str, Any]]]:
    """Every resource that Terraform would create, by the run that plans it."""
    shutil.copy(RUNS, terraform.root / "tests" / RUNS.name)
    lines = map(json.loads, terraform.must("test", "-json", "-verbose", f"-filter=tests/{RUNS.name}").splitlines())
    return {
        line["@testrun"]: [
            {"address": one["address"], "type": one["type"], "values": one["change"]["after"]}
            for one in line["test_plan"]["resource_changes"]
            if one["mode"] == "managed"
        ]
        for line in lines
        if line["type"] == "test_plan"
    }


@pytest.fixture(scope="module")
def plans(spoilt: Terraform) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Both compositions; ``spoilt`` has no test but this module's."""
    yield planned(spoilt)
    (spoilt.root / "tests" / RUNS.name).unlink()


@pytest.mark.parametrize("composition", ["minimal", "production"])
def test_every_planned_value_is_within_the_limits_of_aws(
    plans: dict[str, list[dict[str, Any]]], composition: str
) -> None:
    assert len(plans[composition]) > 150
    assert violations(plans[composition]) == []


def test_an_apostrophe_in_the_description_of_a_security_group_rule_is_a_violation(
    plans: dict[str, list[dict[str, Any]]],
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


def test_every_applied_value_is_within_the_limits_of_aws(applied: Applied) -> None:
    """What a plan does not know yet: policies, above all."""
    managed = [one for one in resources(applied.state["values"]["root_module"]) if one["mode"] == "managed"]
    assert violations(managed) == []
