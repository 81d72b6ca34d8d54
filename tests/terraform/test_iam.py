"""Every role may do what its code does and AWS demands, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emulated import REGION
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from terraform import permissions
from terraform.applied import Applied
from terraform.needs import OF_MWAA, PLACES, Named, needs
from terraform.policies import Role, Statement, compare, roles

ACCOUNT = "000000000000"
SETTINGS = load_settings()
ROLES = sorted(
    needs(Named.of(SETTINGS, load_streams().values(), account=ACCOUNT, region=REGION, key="", secret=""), SETTINGS)
)

# Service Authorization Reference: these take no resource, or create what has no name yet.
WITHOUT_A_RESOURCE = {
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "s3:GetAccountPublicAccessBlock",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
AWS_OWN_POLICIES = {
    "iot-warehouse-monitoring": {"arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"},
    "iot-github-plan": {"arn:aws:iam::aws:policy/ReadOnlyAccess"},
    "iot-github-apply": {"arn:aws:iam::aws:policy/AdministratorAccess"},
}


@pytest.fixture(scope="module")
def found(applied: Applied) -> dict[str, Role]:
    return roles(applied.state)


@pytest.fixture(scope="module")
def wanted(applied: Applied) -> dict[str, dict[str, set[str]]]:
    secret = applied.output("database_secret_arn")
    named = Named.of(
        SETTINGS, load_streams().values(), account=ACCOUNT, region=REGION, key=applied.key(), secret=secret
    )
    return needs(named, SETTINGS)


def test_calls_of_airflow_and_the_notebook_are_listed_with_their_resources() -> None:
    assert PLACES["airflow"].keys() == permissions.of_airflow()
    assert PLACES["notebook"].keys() == permissions.of_notebook()


@pytest.mark.parametrize("function", permissions.functions())
def test_calls_of_every_function_are_listed_with_their_resources(function: str) -> None:
    assert PLACES[function].keys() == permissions.of_function(function)


def test_every_role_is_known(found: dict[str, Role]) -> None:
    assert sorted(found) == ROLES


@pytest.mark.parametrize("name", ROLES)
def test_a_role_may_do_what_it_needs_and_nothing_else(
    found: dict[str, Role], wanted: dict[str, dict[str, set[str]]], name: str
) -> None:
    wrong = compare(found[name], wanted[name])
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ROLES)
def test_an_extra_permission_fails_the_check(
    found: dict[str, Role], wanted: dict[str, dict[str, set[str]]], name: str
) -> None:
    more = Statement(frozenset({"s3:DeleteObject"}), frozenset({"arn:aws:s3:::iot-raw-lake/*"}))
    role = replace(found[name], statements=(*found[name].statements, more))
    assert compare(role, wanted[name]) == [f"{name} may s3:DeleteObject, and nothing of it does"]


@pytest.mark.parametrize("name", [name for name in ROLES if name not in AWS_OWN_POLICIES])
def test_a_missing_permission_fails_the_check(
    found: dict[str, Role], wanted: dict[str, dict[str, set[str]]], name: str
) -> None:
    for action in found[name].actions:
        less = tuple(replace(one, actions=one.actions - {action}) for one in found[name].statements)
        assert compare(replace(found[name], statements=less), wanted[name]) == [f"{name} does {action}, and may not"]


def test_another_resource_fails_the_check(found: dict[str, Role], wanted: dict[str, dict[str, set[str]]]) -> None:
    role = found["iot-data-loading"]
    wider = tuple(
        replace(one, resources=frozenset({"arn:aws:s3:::*"})) if "s3:GetObject" in one.actions else one
        for one in role.statements
    )
    wrong = compare(replace(role, statements=wider), wanted[role.name])
    assert "iot-data-loading may s3:GetObject arn:aws:s3:::*, and does it elsewhere" in wrong
    assert len(wrong) == 3


def test_no_action_is_a_wildcard_except_those_that_mwaa_requires(found: dict[str, Role]) -> None:
    patterns = {(name, action) for name, role in found.items() for action in role.actions if "*" in action}
    assert patterns == {("iot-airflow", action) for action in OF_MWAA if "*" in action}


def test_no_resource_is_a_wildcard_where_aws_accepts_an_arn(found: dict[str, Role]) -> None:
    anywhere = {
        action for role in found.values() for one in role.statements if "*" in one.resources for action in one.actions
    }
    assert anywhere <= WITHOUT_A_RESOURCE


def test_metrics_are_put_into_the_projects_namespace_only(found: dict[str, Role]) -> None:
    putting = [one for one in found["iot-data-quality"].statements if "cloudwatch:PutMetricData" in one.actions]
    assert [one.conditions for one in putting] == [("cloudwatch:namespace",)]


def test_the_key_is_used_through_the_services_that_hold_the_data(found: dict[str, Role]) -> None:
    using = [
        one for role in found.values() for one in role.statements if any(a.startswith("kms:") for a in one.actions)
    ]
    assert {one.conditions for one in using} == {("kms:ViaService",)}


@pytest.mark.parametrize("name", [name for name in ROLES if "-github-" not in name])
def test_services_assume_roles_for_this_account_only(found: dict[str, Role], name: str) -> None:
    for statement in found[name].trust["Statement"]:
        assert list(statement["Principal"]) == ["Service"]
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_aws_managed_policies_are_attached_only_where_listed(found: dict[str, Role]) -> None:
    assert {name: set(role.managed) for name, role in found.items() if role.managed} == AWS_OWN_POLICIES


@pytest.mark.parametrize(("role", "subject"), [("plan", "pull_request"), ("apply", "environment:production")])
def test_github_assumes_a_role_for_one_repository_and_purpose_only(
    found: dict[str, Role], role: str, subject: str
) -> None:
    (statement,) = found[f"iot-github-{role}"].trust["Statement"]
    assert list(statement["Principal"]) == ["Federated"]
    issuer = "token.actions.githubusercontent.com"
    assert statement["Condition"] == {
        "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": f"repo:acme/telemetry:{subject}"}
    }
