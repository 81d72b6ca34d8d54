"""Everything that a deployment may leave behind on the emulator, by its names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Client = Callable[[str], Any]

# Service, operation, the answer's list, and what names one of it.
LISTED = (
    ("athena", "list_work_groups", "WorkGroups", "Name"),
    ("budgets", "describe_budgets", "Budgets", "BudgetName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("ec2", "describe_addresses", "Addresses", "AllocationId"),
    ("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    ("events", "list_rules", "Rules", "Name"),
    ("firehose", "list_delivery_streams", "DeliveryStreamNames", ""),
    ("glue", "get_databases", "DatabaseList", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("iot", "list_certificates", "certificates", "certificateId"),
    ("iot", "list_policies", "policies", "policyName"),
    ("iot", "list_things", "things", "thingName"),
    ("iot", "list_topic_rules", "rules", "ruleName"),
    ("kms", "list_aliases", "Aliases", "AliasName"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_layers", "Layers", "LayerName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("mwaa", "list_environments", "Environments", ""),
    ("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("secretsmanager", "list_secrets", "SecretList", "Name"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", ""),
    ("ssm", "describe_parameters", "Parameters", "Name"),
    ("stepfunctions", "list_state_machines", "stateMachines", "name"),
)
ASKED_WITH = {"describe_budgets": {"AccountId": "000000000000"}}


def inventory(client: Client) -> set[str]:
    """What there is, as ``ec2 Vpcs vpc-1``. Keys that wait for their deletion, as AWS has them do, are gone."""
    return {name for service, *how in LISTED for name in _names(client(service), service, *how)} | set(_keys(client))


def _names(client: Any, service: str, operation: str, answer: str, name: str) -> Iterator[str]:
    for one in getattr(client, operation)(**ASKED_WITH.get(operation, {})).get(answer, []):
        yield f"{service} {answer} {one[name] if name else one}"


def _keys(client: Client) -> Iterator[str]:
    kms = client("kms")
    for key in kms.list_keys()["Keys"]:
        if kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion":
            yield f"kms Keys {key['KeyId']}"
