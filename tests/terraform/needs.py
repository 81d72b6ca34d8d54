"""What each role of a deployment needs: what its code calls, and what AWS demands besides; and to what it does it.

The code's actions are derived (``permissions.py``). To what they are done is written down here: ``PLACES`` must name
the same actions, so a call that is new, or gone, is noticed. What AWS demands is written down with where AWS says so.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from telemetry.config.settings import Settings
from telemetry.contracts.model import Stream
from terraform import permissions

Places = dict[str, list[str]]
"""By action: templates of what it is done to. One with a stream's name in it stands for every stream's."""

SECRET = {"secretsmanager:GetSecretValue": ["{secret}"]}
ANYWHERE = ["*"]

PLACES: dict[str, Places] = {
    "device_simulator": {"iot:Publish": ["{simulator_topic}"]},
    "data_extraction": {
        **SECRET,
        "s3:ListBucket": ["{raw}"],
        "s3:PutObject": ["{raw}/queue-data/*", "{processed}/manifests/*"],
        "sqs:GetQueueUrl": ["{queue}"],
        "sqs:ReceiveMessage": ["{queue}"],
        "sqs:DeleteMessage": ["{queue}"],
    },
    "data_transformation": {
        "s3:GetObject": ["{raw}/raw-data/*", "{raw}/queue-data/*"],
        "s3:PutObject": ["{processed}/processed-data/*", "{processed}/quarantine-data/*"],
    },
    "data_loading": {**SECRET, "s3:GetObject": ["{processed}/processed-data/*", "{processed}/quarantine-data/*"]},
    "load_recording": {**SECRET, "s3:GetObject": ["{processed}/manifests/*"]},
    "data_quality": {
        **SECRET,
        "s3:ListBucket": ["{raw}"],
        "s3:GetObject": ["{raw}/raw-data/*", "{raw}/queue-data/*"],
        "sqs:GetQueueUrl": ["{queue}", "{dead_letter_queue}"],
        "sqs:GetQueueAttributes": ["{queue}", "{dead_letter_queue}"],
        "sqs:ReceiveMessage": ["{dead_letter_queue}"],
        "sqs:ChangeMessageVisibility": ["{dead_letter_queue}"],
        "cloudwatch:GetMetricData": ANYWHERE,
        "cloudwatch:PutMetricData": ANYWHERE,
    },
    "airflow": {
        **SECRET,
        "s3:ListBucket": ["{raw}"],
        "sqs:GetQueueUrl": ["{queue}"],
        "sqs:GetQueueAttributes": ["{queue}"],
        "states:StartExecution": ["{state_machine}"],
        "states:DescribeExecution": ["{executions}:*"],
        "lambda:InvokeFunction": ["{quality_function}"],
        "ssm:GetParameter": ["{parameter}"],
    },
    "notebook": {"s3:ListBucket": ["{raw}", "{processed}"], "s3:GetObject": ["{raw}/*", "{processed}/*"]},
}

# Amazon S3 and Secrets Manager user guides: what is encrypted with a KMS key is read and written with these.
KEY_ACTIONS = {
    "s3:GetObject": "kms:Decrypt",
    "secretsmanager:GetSecretValue": "kms:Decrypt",
    "s3:PutObject": "kms:GenerateDataKey",
}

# Lambda developer guide, "Defining Lambda function permissions with an execution role" and "… X-Ray".
OF_LAMBDA: Places = {
    "logs:CreateLogStream": ["{function_logs}:*"],
    "logs:PutLogEvents": ["{function_logs}:*"],
    "xray:PutTelemetryRecords": ANYWHERE,
    "xray:PutTraceSegments": ANYWHERE,
}
# The same guide, "Giving Lambda functions access to resources in an Amazon VPC".
OF_LAMBDA_IN_A_VPC: Places = {
    "ec2:AssignPrivateIpAddresses": ["{ec2}:*/*"],
    "ec2:CreateNetworkInterface": ["{ec2}:*/*"],
    "ec2:DeleteNetworkInterface": ["{ec2}:*/*"],
    "ec2:DescribeNetworkInterfaces": ANYWHERE,
    "ec2:DescribeSubnets": ANYWHERE,
    "ec2:UnassignPrivateIpAddresses": ["{ec2}:*/*"],
}
# Amazon MWAA user guide, "Amazon MWAA execution role", "Sample policy for a customer managed key".
OF_MWAA: Places = {
    "airflow:PublishMetrics": ["{airflow_environment}"],
    "cloudwatch:PutMetricData": ANYWHERE,
    "kms:Decrypt": ["{key}"],
    "kms:DescribeKey": ["{key}"],
    "kms:Encrypt": ["{key}"],
    "kms:GenerateDataKey*": ["{key}"],
    "logs:CreateLogGroup": ["{airflow_logs}"],
    "logs:CreateLogStream": ["{airflow_logs}"],
    "logs:DescribeLogGroups": ANYWHERE,
    "logs:GetLogEvents": ["{airflow_logs}"],
    "logs:GetLogGroupFields": ["{airflow_logs}"],
    "logs:GetLogRecord": ["{airflow_logs}"],
    "logs:GetQueryResults": ["{airflow_logs}"],
    "logs:PutLogEvents": ["{airflow_logs}"],
    "s3:GetAccountPublicAccessBlock": ANYWHERE,
    "s3:GetBucket*": ["{airflow_bucket}", "{airflow_bucket}/*"],
    "s3:GetObject*": ["{airflow_bucket}", "{airflow_bucket}/*"],
    "s3:List*": ["{airflow_bucket}", "{airflow_bucket}/*"],
    "sqs:ChangeMessageVisibility": ["{celery_queue}"],
    "sqs:DeleteMessage": ["{celery_queue}"],
    "sqs:GetQueueAttributes": ["{celery_queue}"],
    "sqs:GetQueueUrl": ["{celery_queue}"],
    "sqs:ReceiveMessage": ["{celery_queue}"],
    "sqs:SendMessage": ["{celery_queue}"],
}
# SageMaker developer guide, "Customize a SageMaker notebook instance using an LCC script": where the script's log goes,
# and the script fetches the notebook.
OF_SAGEMAKER: Places = {
    "logs:CreateLogGroup": ["{notebook_logs}:*"],
    "logs:CreateLogStream": ["{notebook_logs}:*"],
    "logs:DescribeLogStreams": ["{notebook_logs}:*"],
    "logs:PutLogEvents": ["{notebook_logs}:*"],
    "s3:GetObject": ["{artefacts}/notebooks/*"],
}
# Roles that no code of ours uses, but AWS does as it is configured.
OF_SERVICES: dict[str, Places] = {
    # Firehose developer guide, "Grant Firehose access to an Amazon S3 destination".
    "firehose": {
        "s3:AbortMultipartUpload": ["{raw}/raw-data/*", "{raw}/raw-errors/*"],
        "s3:GetBucketLocation": ["{raw}"],
        "s3:GetObject": ["{raw}/raw-data/*", "{raw}/raw-errors/*"],
        "s3:ListBucket": ["{raw}"],
        "s3:ListBucketMultipartUploads": ["{raw}"],
        "s3:PutObject": ["{raw}/raw-data/*", "{raw}/raw-errors/*"],
        "logs:PutLogEvents": ["{delivery_logs}:log-stream:S3Delivery"],
    },
    # AWS IoT developer guide, "Granting an AWS IoT rule the access it requires", for a rule's three actions.
    "topic-rules": {
        "firehose:PutRecord": ["{delivery_stream}"],
        "sqs:SendMessage": ["{queue}"],
        "s3:PutObject": ["{raw}/rule-errors/*"],
    },
    # AWS IoT developer guide, "Configure AWS IoT logging"; Terraform creates the log group.
    "iot-logging": {"logs:CreateLogStream": ["{iot_logs}:*"], "logs:PutLogEvents": ["{iot_logs}:*"]},
    # Step Functions developer guide, "IAM policies for using Distributed Map states", and on logs and tracing.
    "state-machine": {
        "lambda:InvokeFunction": ["{functions_of_the_machine}"],
        "states:StartExecution": ["{state_machine}"],
        "states:DescribeExecution": ["{executions}:*", "{executions}/*"],
        "states:StopExecution": ["{executions}:*", "{executions}/*"],
        "s3:GetObject": ["{processed}/manifests/*"],
        "sns:Publish": ["{topic}"],
        "kms:GenerateDataKey": ["{key}"],  # to publish to a topic that is encrypted
        "logs:CreateLogDelivery": ANYWHERE,
        "logs:DeleteLogDelivery": ANYWHERE,
        "logs:DescribeLogGroups": ANYWHERE,
        "logs:DescribeResourcePolicies": ANYWHERE,
        "logs:GetLogDelivery": ANYWHERE,
        "logs:ListLogDeliveries": ANYWHERE,
        "logs:PutResourcePolicy": ANYWHERE,
        "logs:UpdateLogDelivery": ANYWHERE,
        "xray:GetSamplingRules": ANYWHERE,
        "xray:GetSamplingTargets": ANYWHERE,
        "xray:PutTelemetryRecords": ANYWHERE,
        "xray:PutTraceSegments": ANYWHERE,
    },
    # VPC user guide, "IAM role for publishing flow logs to CloudWatch Logs".
    "flow-logs": {
        "logs:CreateLogStream": ["{flow_logs}:*"],
        "logs:DescribeLogGroups": ["{flow_logs}:*"],
        "logs:DescribeLogStreams": ["{flow_logs}:*"],
        "logs:PutLogEvents": ["{flow_logs}:*"],
    },
    # RDS user guide, "Setting up and enabling Enhanced Monitoring": AWS's own policy does it.
    "warehouse-monitoring": {},
    # What a workflow on GitHub may do: AWS's own policies.
    "github-plan": {},
    "github-apply": {},
}


@dataclass(frozen=True)
class Named:
    """The ARNs that templates stand for: those of the deployment, those of each stream, and lists of some."""

    one: Mapping[str, str]
    streams: list[dict[str, str]]
    many: Mapping[str, list[str]]

    @classmethod
    def of(cls, settings: Settings, streams: Iterable[Stream], *, account: str, region: str, **given: str) -> Named:
        """As the settings name them. ``given`` are those that AWS names: the key's and the secret's."""
        names, streams = settings.names, list(streams)

        def arn(service: str, resource: str) -> str:
            return f"arn:aws:{service}:{region}:{account}:{resource}"

        def function(name: str) -> str:
            return arn("lambda", f"function:{name}")

        def bucket(purpose: str) -> str:
            return f"arn:aws:s3:::{names.prefix}-{purpose}-{account}-{region}"

        simulated = next(stream for stream in streams if stream.stream == settings.simulator.stream)
        functions = settings.functions
        machine = names.state_machine
        return cls(
            {
                "raw": bucket("raw-lake"),
                "processed": bucket("processed"),
                "artefacts": bucket("artefacts"),
                "airflow_bucket": bucket("airflow"),
                "airflow_environment": arn("airflow", f"environment/{names.prefix}-airflow"),
                "airflow_logs": arn("logs", f"log-group:airflow-{names.prefix}-airflow-*"),
                "celery_queue": f"arn:aws:sqs:{region}:*:airflow-celery-*",
                "ec2": arn("ec2", "")[:-1],
                "executions": arn("states", f"execution:{machine}"),
                "flow_logs": arn("logs", f"log-group:/aws/vpc/{names.prefix}-flow-logs"),
                "iot_logs": arn("logs", "log-group:AWSIotLogsV2"),
                "notebook_logs": arn("logs", "log-group:/aws/sagemaker/NotebookInstances"),
                "parameter": arn("ssm", f"parameter/{names.prefix}/telemetry/environment"),
                "quality_function": function(functions.data_quality.name),
                "simulator_topic": arn("iot", f"topic/{simulated.topic_of('*')}"),
                "state_machine": arn("states", f"stateMachine:{machine}"),
                "topic": arn("sns", names.alarm_topic),
                **given,
            },
            [
                {
                    "queue": arn("sqs", names.queue(stream.stream)),
                    "dead_letter_queue": arn("sqs", names.dead_letter_queue(stream.stream)),
                    "delivery_stream": arn("firehose", f"deliverystream/{names.delivery_stream(stream.stream)}"),
                    "delivery_logs": arn("logs", f"log-group:/aws/firehose/{names.delivery_stream(stream.stream)}"),
                }
                for stream in streams
            ],
            {
                "functions_of_the_machine": [
                    function(getattr(functions, key).name)
                    for key in ("data_extraction", "data_transformation", "data_loading", "load_recording")
                ]
            },
        )

    def filled(self, places: Places, **more: str) -> dict[str, set[str]]:
        """What the templates stand for."""
        return {
            action: {arn for template in templates for arn in self._arns(template, more)}
            for action, templates in places.items()
        }

    def _arns(self, template: str, more: Mapping[str, str]) -> list[str]:
        fields = {field for _, field, _, _ in string.Formatter().parse(template) if field}
        if fields & self.many.keys():
            return self.many[template.strip("{}")]
        of_streams = self.streams if fields & self.streams[0].keys() else [{}]
        return [template.format_map({**self.one, **stream, **more}) for stream in of_streams]


def needs(named: Named, settings: Settings) -> dict[str, dict[str, set[str]]]:
    """By role: what it needs to do, and to what."""
    prefix, account_of_logs = settings.names.prefix, named.one["flow_logs"].split(":/aws/")[0]
    wanted = {}
    for function in permissions.functions():
        logs = f"{account_of_logs}:/aws/lambda/{getattr(settings.functions, function).name}"
        in_a_vpc = {} if function == "device_simulator" else OF_LAMBDA_IN_A_VPC
        places = _together(PLACES[function], OF_LAMBDA, in_a_vpc)
        wanted[f"{prefix}-{function.replace('_', '-')}"] = named.filled(places, function_logs=logs)
    wanted[f"{prefix}-airflow"] = named.filled(_together(PLACES["airflow"], OF_MWAA))
    wanted[f"{prefix}-analysis"] = named.filled(_together(PLACES["notebook"], OF_SAGEMAKER))
    wanted |= {f"{prefix}-{purpose}": named.filled(_together(places)) for purpose, places in OF_SERVICES.items()}
    return wanted


def _together(*parts: Places) -> Places:
    """All of them, and the use of the key that they bring with them."""
    whole: Places = {}
    for part in parts:
        for action, places in part.items():
            whole[action] = whole.get(action, []) + places
    for action in list(whole):
        if action in KEY_ACTIONS:
            whole[KEY_ACTIONS[action]] = ["{key}"]
    return whole
