"""The limits that AWS sets for resources: calls whose service model has them, and a table of those in AWS's prose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from terraform.prose_limits import LIMITS, alarm_faults, function_faults, tag_faults, together_faults
from terraform.service_models import Call

NOTHING: tuple[Call, ...] = ()
"""A resource that only names others, whose own names are checked."""

CALLS: dict[str, tuple[Call, ...]] = {
    "aws_athena_workgroup": (Call("athena", "CreateWorkGroup"),),
    "aws_budgets_budget": (Call("budgets", "CreateBudget", "Budget", {"name": "BudgetName"}),),
    "aws_cloudwatch_dashboard": (Call("cloudwatch", "PutDashboard"),),
    "aws_cloudwatch_event_rule": (Call("events", "PutRule"),),
    "aws_cloudwatch_event_target": (Call("events", "PutTargets", "Targets", {"target_id": "Id"}),),
    "aws_cloudwatch_log_group": (
        Call("logs", "CreateLogGroup", renamed={"name": "logGroupName", "log_group_class": "logGroupClass"}),
        Call("logs", "PutRetentionPolicy", renamed={"name": "logGroupName"}),
    ),
    "aws_cloudwatch_log_stream": (Call("logs", "CreateLogStream", renamed={"name": "logStreamName"}),),
    "aws_cloudwatch_metric_alarm": (Call("cloudwatch", "PutMetricAlarm", renamed={"metric_query": "Metrics"}),),
    "aws_db_instance": (Call("rds", "CreateDBInstance"),),
    "aws_db_parameter_group": (Call("rds", "CreateDBParameterGroup", renamed={"name": "DBParameterGroupName"}),),
    "aws_db_subnet_group": (Call("rds", "CreateDBSubnetGroup", renamed={"name": "DBSubnetGroupName"}),),
    "aws_default_security_group": NOTHING,
    "aws_eip": (Call("ec2", "AllocateAddress"),),
    "aws_flow_log": (Call("ec2", "CreateFlowLogs"),),
    "aws_glue_catalog_database": (Call("glue", "CreateDatabase", "DatabaseInput"),),
    "aws_glue_catalog_table": (Call("glue", "CreateTable", "TableInput"), Call("glue", "CreateTable")),
    "aws_iam_role": (
        Call("iam", "CreateRole", renamed={"name": "RoleName", "assume_role_policy": "AssumeRolePolicyDocument"}),
    ),
    "aws_iam_role_policy": (
        Call("iam", "PutRolePolicy", renamed={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"}),
    ),
    "aws_iam_role_policy_attachment": (Call("iam", "AttachRolePolicy", renamed={"role": "RoleName"}),),
    "aws_internet_gateway": NOTHING,
    "aws_iam_openid_connect_provider": (Call("iam", "CreateOpenIDConnectProvider"),),
    "aws_iot_certificate": (Call("iot", "CreateCertificateFromCsr", renamed={"csr": "certificateSigningRequest"}),),
    "aws_iot_logging_options": (Call("iot", "SetV2LoggingOptions"),),
    "aws_iot_policy": (Call("iot", "CreatePolicy", renamed={"name": "policyName", "policy": "policyDocument"}),),
    "aws_iot_policy_attachment": (Call("iot", "AttachPolicy", renamed={"policy": "policyName"}),),
    "aws_iot_thing": (Call("iot", "CreateThing", renamed={"name": "thingName"}),),
    "aws_iot_thing_principal_attachment": (Call("iot", "AttachThingPrincipal", renamed={"thing": "thingName"}),),
    "aws_iot_topic_rule": (
        Call("iot", "CreateTopicRule", renamed={"name": "ruleName"}),
        Call("iot", "CreateTopicRule", "topicRulePayload", {"sql_version": "awsIotSqlVersion"}),
    ),
    "aws_kinesis_firehose_delivery_stream": (
        Call(
            "firehose",
            "CreateDeliveryStream",
            renamed={
                "name": "DeliveryStreamName",
                "extended_s3_configuration": "ExtendedS3DestinationConfiguration",
                "server_side_encryption": "DeliveryStreamEncryptionConfigurationInput",
            },
        ),
    ),
    "aws_kms_alias": (Call("kms", "CreateAlias", renamed={"name": "AliasName"}),),
    "aws_kms_key": (Call("kms", "CreateKey"),),
    "aws_kms_key_policy": (Call("kms", "PutKeyPolicy"),),
    "aws_lambda_function": (Call("lambda", "CreateFunction"),),
    "aws_lambda_layer_version": (Call("lambda", "PublishLayerVersion"),),
    "aws_lambda_permission": (Call("lambda", "AddPermission"),),
    "aws_mwaa_environment": (Call("mwaa", "CreateEnvironment"),),
    "aws_nat_gateway": (Call("ec2", "CreateNatGateway"),),
    "aws_quicksight_data_source": (Call("quicksight", "CreateDataSource"),),
    "aws_route": NOTHING,
    "aws_route_table": NOTHING,
    "aws_route_table_association": NOTHING,
    "aws_s3_bucket": (Call("s3", "CreateBucket"),),
    "aws_s3_bucket_lifecycle_configuration": (
        Call("s3", "PutBucketLifecycleConfiguration", "LifecycleConfiguration", {"rule": "Rules"}),
    ),
    "aws_s3_bucket_logging": (Call("s3", "PutBucketLogging"),),
    "aws_s3_bucket_ownership_controls": (Call("s3", "PutBucketOwnershipControls"),),
    "aws_s3_bucket_policy": (Call("s3", "PutBucketPolicy"),),
    "aws_s3_bucket_public_access_block": NOTHING,
    "aws_s3_bucket_server_side_encryption_configuration": (
        Call("s3", "PutBucketEncryption", "ServerSideEncryptionConfiguration"),
    ),
    "aws_s3_bucket_versioning": (Call("s3", "PutBucketVersioning"),),
    "aws_s3_object": (Call("s3", "PutObject"),),
    "aws_sagemaker_notebook_instance": (
        Call("sagemaker", "CreateNotebookInstance", renamed={"name": "NotebookInstanceName"}),
    ),
    "aws_sagemaker_notebook_instance_lifecycle_configuration": (
        Call(
            "sagemaker",
            "CreateNotebookInstanceLifecycleConfig",
            renamed={"name": "NotebookInstanceLifecycleConfigName"},
        ),
    ),
    "aws_security_group": (Call("ec2", "CreateSecurityGroup", renamed={"name": "GroupName"}),),
    "aws_sfn_state_machine": (Call("stepfunctions", "CreateStateMachine"),),
    "aws_sns_topic": (Call("sns", "CreateTopic"),),
    "aws_sns_topic_policy": NOTHING,
    "aws_sns_topic_subscription": (Call("sns", "Subscribe"),),
    "aws_sqs_queue": (Call("sqs", "CreateQueue", renamed={"name": "QueueName"}),),
    "aws_sqs_queue_policy": NOTHING,
    "aws_sqs_queue_redrive_allow_policy": NOTHING,
    "aws_ssm_parameter": (Call("ssm", "PutParameter"),),
    "aws_subnet": (Call("ec2", "CreateSubnet"),),
    "aws_vpc": (Call("ec2", "CreateVpc"),),
    "aws_vpc_endpoint": (Call("ec2", "CreateVpcEndpoint"),),
    "aws_vpc_security_group_egress_rule": NOTHING,
    "aws_vpc_security_group_ingress_rule": NOTHING,
}
"""For each type of resource the calls that create it."""


def violations(resources: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what AWS would refuse of planned or applied resources: ``ADDRESS: ATTRIBUTE: what is wrong``.

    A type that is not in ``CALLS`` is one, too. Each resource has ``address``, ``type`` and ``values``, as in
    Terraform's JSON. Values that are known only after the apply are missing in a plan, and are not checked.
    """
    found = list(resources)
    return [
        *(f"{one['address']}: {fault}" for one in found for fault in _faults(one["type"], one["values"])),
        *together_faults((one["type"], one["values"]) for one in found),
    ]


def _faults(kind: str, values: Mapping[str, Any]) -> Iterator[str]:
    if kind not in CALLS:
        yield "no limits are known of this type: name the calls that create it in tests/terraform/limits.py"
    for call in CALLS.get(kind, ()):
        yield from call.faults(values)
    for limit in LIMITS:
        if kind in limit.types:
            yield from limit.faults(values)
    yield from tag_faults(kind, values)
    if kind == "aws_lambda_function":
        yield from function_faults(values)
    if kind == "aws_cloudwatch_metric_alarm":
        yield from alarm_faults(values)
