"""What is in the network reaches every AWS service that it calls, also when one zone fails."""

from __future__ import annotations

from emulated import REGION
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from terraform import permissions
from terraform.needs import Named, needs
from terraform.planned import Plans

ENDPOINTS = {"airflow": "airflow.env", "cloudwatch": "monitoring"}
"""Services whose endpoint has another name than their actions (VPC user guide, "AWS services that integrate with AWS
PrivateLink")."""
GATEWAY = {"s3"}
"""Services with a gateway endpoint."""
BY_LAMBDA = {"ec2", "kms", "logs", "xray"}
"""Services that Lambda, and not the function in the network, calls with a function's role; and those that hold the
data decrypt it (``kms:ViaService``)."""
BY_SAGEMAKER = {"kms", "logs"}
"""The same of SageMaker."""


def called(role: str) -> set[str]:
    """The services that a role's actions are of."""
    settings = load_settings()
    streams = load_streams().values()
    named = Named.of(settings, streams, account="123456789012", region=REGION, key="key", secret="secret")
    return {action.split(":")[0] for action in needs(named, settings)[f"{settings.names.prefix}-{role}"]}


def of_functions() -> set[str]:
    inside = [name for name in permissions.functions() if name != "device_simulator"]
    return set().union(*(called(name.replace("_", "-")) for name in inside)) - BY_LAMBDA


def planned_endpoints(plans: Plans, composition: str) -> set[str]:
    services = [
        one["values"]["service_name"].split(".", 3)[3]
        for one in plans[composition]
        if one["type"] == "aws_vpc_endpoint" and one["values"]["vpc_endpoint_type"] == "Interface"
    ]
    return set(services)


def test_functions_reach_every_service_that_they_call_through_an_endpoint(plans: Plans) -> None:
    assert planned_endpoints(plans, "production") == {ENDPOINTS.get(one, one) for one in of_functions() - GATEWAY}


def test_all_endpoints_are_those_of_every_service_that_a_role_in_the_network_calls(plans: Plans) -> None:
    everybody = of_functions() | called("airflow") | (called("analysis") - BY_SAGEMAKER)
    assert planned_endpoints(plans, "minimal") == {ENDPOINTS.get(one, one) for one in everybody - GATEWAY}


def test_production_has_a_nat_gateway_and_a_route_to_it_in_each_zone(plans: Plans) -> None:
    of_type = [one["type"] for one in plans["production"]]
    zones = sum(one["type"] == "aws_subnet" and "private" in one["address"] for one in plans["production"])
    assert zones == 3
    assert of_type.count("aws_nat_gateway") == zones
    assert sum("private_to_internet" in one["address"] for one in plans["production"]) == zones


def test_one_nat_gateway_serves_all_zones_where_one_is_asked_for(plans: Plans) -> None:
    assert [one["type"] for one in plans["minimal"]].count("aws_nat_gateway") == 1
    assert sum("private_to_internet" in one["address"] for one in plans["minimal"]) == 2
