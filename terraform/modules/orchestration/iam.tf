resource "aws_iam_role" "airflow" {
  name               = local.name
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "Mwaa"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:airflow:${var.region}:${var.account}:environment/${local.name}"]
    }
  }
}

resource "aws_iam_role_policy" "airflow" {
  name   = "run-airflow"
  role   = aws_iam_role.airflow.id
  policy = data.aws_iam_policy_document.airflow.json
}

# What MWAA itself needs, as its user guide has it (https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html,
# "Sample policy for a customer managed key").
data "aws_iam_policy_document" "airflow" {
  #checkov:skip=CKV_AWS_356:the actions on "*" are on no resource; MWAA's user guide has them so
  #checkov:skip=CKV_AWS_111:PutMetricData is on no resource
  statement {
    sid       = "Health"
    actions   = ["airflow:PublishMetrics"]
    resources = ["arn:aws:airflow:${var.region}:${var.account}:environment/${local.name}"]
  }

  statement {
    sid       = "ReadBucket"
    actions   = ["s3:GetObject*", "s3:GetBucket*", "s3:List*"]
    resources = [aws_s3_bucket.airflow.arn, "${aws_s3_bucket.airflow.arn}/*"]
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
    resources = ["arn:aws:logs:${var.region}:${var.account}:log-group:airflow-${local.name}-*"]
  }

  # None of these three can be narrowed to a resource of ours (Service Authorization Reference: CloudWatch, S3; MWAA looks
  # for its log groups among all).
  statement {
    sid = "Account"
    actions = [
      "cloudwatch:PutMetricData",
      "logs:DescribeLogGroups",
      "s3:GetAccountPublicAccessBlock",
    ]
    resources = ["*"]
  }

  # The queue of Airflow's executor lies in an account of MWAA's.
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
    resources = ["arn:aws:sqs:${var.region}:*:airflow-celery-*"]
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

resource "aws_iam_role_policy" "dags" {
  name   = "run-dags"
  role   = aws_iam_role.airflow.id
  policy = data.aws_iam_policy_document.dags.json
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
