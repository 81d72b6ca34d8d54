"""What the emulator cannot take is as ``gaps.py`` has it: no more, and no less."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulated import PROJECT, ROLE, Emulator, unique
from terraform.applied import Applied
from terraform.gaps import GAPS, WAREHOUSE
from terraform.tool import resources

RESOURCE = re.compile(r'^resource "(\w+)" "(\w+)"', re.MULTILINE)
CALL = re.compile(r'^module "(\w+)" \{\n  source += ".+/(\w+)"', re.MULTILINE)
STEP = re.compile(r"\bmodule\.(\w+)")
TERRAFORM = PROJECT / "terraform"


def test_everything_else_was_applied(applied: Applied) -> None:
    text: defaultdict[str, str] = defaultdict(str)
    for path in TERRAFORM.rglob("*.tf"):
        text[path.parent.name] += path.read_text()
    written = {(module, f"{kind}.{name}") for module in text for kind, name in RESOURCE.findall(text[module])}
    text[TERRAFORM.name] += WAREHOUSE
    sources = {(module, name): source for module in text for name, source in CALL.findall(text[module])}
    made = {
        (_module(one["address"], sources), f"{one['type']}.{one['name']}")
        for one in resources(applied.state["values"]["root_module"])
        if one["mode"] == "managed"
    }
    assert written - made == {(gap.module, gap.resource) for gap in GAPS if gap.is_left_out}


def _module(address: str, sources: Mapping[tuple[str, str], str]) -> str:
    """The folder of the module that a resource of this address is written in."""
    module = TERRAFORM.name
    for name in STEP.findall(address):
        module = sources[module, name]
    return module


def loses_flow_logs(cloud: Emulator) -> bool:
    ec2 = cloud.client("ec2")
    made = ec2.create_flow_logs(
        ResourceIds=[ec2.describe_vpcs()["Vpcs"][0]["VpcId"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName="flow-logs",
        DeliverLogsPermissionArn=ROLE,
    )
    found = ec2.describe_flow_logs(FlowLogIds=made["FlowLogIds"])["FlowLogs"][0]
    return "DeliverLogsPermissionArn" not in found and "MaxAggregationInterval" not in found


def loses_endpoints(cloud: Emulator) -> bool:
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.eu-west-1.sqs",
        VpcEndpointType="Interface",
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]
    found = ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["VpcEndpoints"][0]
    return not found.get("Groups") and not found.get("PrivateDnsEnabled")


def loses_prefix_lists(cloud: Emulator) -> bool:
    ec2 = cloud.client("ec2")
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-1"}]}
    made = ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"]
    return all("PrefixListId" not in rule for rule in made)


def loses_tracing(cloud: Emulator) -> bool:
    machines = cloud.client("stepfunctions")
    definition = '{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}'
    tracing = {"enabled": True}
    made = machines.create_state_machine(
        name=unique("traced"), definition=definition, roleArn=ROLE, tracingConfiguration=tracing
    )
    found = machines.describe_state_machine(stateMachineArn=made["stateMachineArn"])
    return bool(found.get("tracingConfiguration") != tracing)


def loses_airflow(cloud: Emulator) -> bool:
    mwaa, name = cloud.client("mwaa"), unique("airflow")
    mwaa.create_environment(
        Name=name,
        DagS3Path="dags",
        ExecutionRoleArn=ROLE,
        KmsKey="arn:aws:kms:eu-west-1:000000000000:key/1",
        NetworkConfiguration={"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        PluginsS3Path="plugins.zip",
        SourceBucketArn="arn:aws:s3:::airflow",
    )
    found = mwaa.get_environment(Name=name)["Environment"]
    return "KmsKey" not in found and "PluginsS3Path" not in found


def has_no_secret_of_rds(cloud: Emulator) -> bool:
    made = cloud.client("rds").create_db_instance(
        DBInstanceIdentifier=unique("database"),
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="telemetry",
        ManageMasterUserPassword=True,
    )
    return "MasterUserSecret" not in made["DBInstance"]


def _refuses(ask: Callable[..., Any], **arguments: str) -> bool:
    try:
        ask(**arguments)
    except ClientError:
        return True
    return False


def has_no_notebooks(cloud: Emulator) -> bool:
    create = cloud.client("sagemaker").create_notebook_instance
    return _refuses(create, NotebookInstanceName="notebook", InstanceType="ml.t3.medium", RoleArn=ROLE)


def has_no_lifecycles(cloud: Emulator) -> bool:
    create = cloud.client("sagemaker").create_notebook_instance_lifecycle_config
    return _refuses(create, NotebookInstanceLifecycleConfigName="lifecycle")


def has_no_quicksight(cloud: Emulator) -> bool:
    return _refuses(cloud.client("quicksight").list_data_sources, AwsAccountId="000000000000")


def has_no_logging_options(cloud: Emulator) -> bool:
    options = {"roleArn": ROLE, "defaultLogLevel": "ERROR"}
    return _refuses(cloud.client("iot").set_v2_logging_options, **options)


PROOFS = {
    "aws_flow_log.this": loses_flow_logs,
    "aws_vpc_endpoint.interface": loses_endpoints,
    "aws_vpc_security_group_egress_rule.workers_to_s3": loses_prefix_lists,
    "aws_iot_logging_options.this": has_no_logging_options,
    "aws_sfn_state_machine.this": loses_tracing,
    "aws_mwaa_environment.this": loses_airflow,
    "aws_db_instance.this": has_no_secret_of_rds,
    "aws_sagemaker_notebook_instance.this": has_no_notebooks,
    "aws_sagemaker_notebook_instance_lifecycle_configuration.this": has_no_lifecycles,
    "aws_quicksight_data_source.athena": has_no_quicksight,
}


@pytest.mark.parametrize("resource", [gap.resource for gap in GAPS])
def test_every_listed_gap_still_exists(cloud: Emulator, resource: str) -> None:
    assert PROOFS[resource](cloud), "the emulator has learned it: take it out of gaps.py"
