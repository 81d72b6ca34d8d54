data "aws_partition" "current" {}

locals {
  partition       = data.aws_partition.current.partition
  environment_arn = "arn:${local.partition}:airflow:${var.region}:${var.account}:environment/${local.name}"
}

module "role" {
  source = "../role"

  name        = local.name
  description = "What Airflow's environment may do, and what its DAGs may"
  account     = var.account
  services    = ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]
  source_arns = [local.environment_arn]

  policies = {
    run-airflow = data.aws_iam_policy_document.airflow.json
    run-dags    = data.aws_iam_policy_document.dags.json
  }
}

# What MWAA itself needs, according to its user guide (https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html,
# "Sample policy for a customer managed key").
data "aws_iam_policy_document" "airflow" {
  #checkov:skip=CKV_AWS_356:the actions on "*" support no resource; MWAA's user guide has them like this
  #checkov:skip=CKV_AWS_111:PutMetricData supports no resource level permission
  statement {
    sid       = "Health"
    actions   = ["airflow:PublishMetrics"]
    resources = [local.environment_arn]
  }

  statement {
    sid       = "ReadBucket"
    actions   = ["s3:GetObject*", "s3:GetBucket*", "s3:List*"]
    resources = [module.bucket.arn, "${module.bucket.arn}/*"]
  }

  statement {
    sid = "Logs"
    actions = [
      "logs:CreateLogGroup",
      "logs:CreateLogStream",
      "logs:GetLogEvents",
      "logs:GetLogGroupFields",
      "logs:GetLogRecord",
      "logs:GetQueryResults",
      "logs:PutLogEvents",
    ]
    resources = ["arn:${local.partition}:logs:${var.region}:${var.account}:log-group:airflow-${local.name}-*"]
  }

  # None of these three can be restricted to a resource of ours (Service Authorization Reference: CloudWatch, S3; MWAA
  # searches all log groups for its own).
  statement {
    sid = "Account"
    actions = [
      "cloudwatch:PutMetricData",
      "logs:DescribeLogGroups",
      "s3:GetAccountPublicAccessBlock",
    ]
    resources = ["*"]
  }

  # The queue of Airflow's executor is in an account of MWAA.
  statement {
    sid = "CeleryQueue"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = ["arn:${local.partition}:sqs:${var.region}:*:airflow-celery-*"]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"]
    resources = [var.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com", "sqs.${var.region}.amazonaws.com"]
    }
  }
}

# What our DAGs and the startup script call (include/telemetry_airflow).
data "aws_iam_policy_document" "dags" {
  statement {
    sid       = "StartExecution"
    actions   = ["states:StartExecution"]
    resources = [var.state_machine_arn]
  }

  statement {
    sid       = "AwaitExecution"
    actions   = ["states:DescribeExecution"]
    resources = ["${replace(var.state_machine_arn, ":stateMachine:", ":execution:")}:*"]
  }

  statement {
    sid       = "CloseDay"
    actions   = ["lambda:InvokeFunction"]
    resources = [var.quality_function_arn]
  }

  statement {
    sid       = "SenseQueue"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = var.queue_arns
  }

  statement {
    sid       = "SensePartition"
    actions   = ["s3:ListBucket"]
    resources = [var.raw_bucket_arn]
  }

  statement {
    sid       = "DatabaseSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.database_secret_arn]
  }

  statement {
    sid       = "DatabaseSecretKey"
    actions   = ["kms:Decrypt"]
    resources = [var.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "Environment"
    actions   = ["ssm:GetParameter"]
    resources = [var.environment_parameter_arn]
  }
}
