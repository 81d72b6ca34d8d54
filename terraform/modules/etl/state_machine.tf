# The state machine that calls the functions.

locals {
  states = "arn:${data.aws_partition.current.partition}:states:${var.region}:${var.account}"

  # The functions that the definition names.
  invoked = [
    for function in aws_lambda_function.this : function.arn
    if strcontains(file(var.state_machine.definition_file), "$${${function.function_name}Arn}")
  ]
}

resource "aws_sfn_state_machine" "this" {
  name     = var.state_machine.name
  type     = "STANDARD"
  role_arn = module.state_machine_role.arn
  definition = templatefile(var.state_machine.definition_file, merge(
    { for function in aws_lambda_function.this : "${function.function_name}Arn" => function.arn },
    { AlarmTopicArn = var.alarm_topic_arn },
  ))

  # States pass references and no data, so their input may be logged.
  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.state_machine.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }
}

resource "aws_cloudwatch_log_group" "state_machine" {
  #checkov:skip=CKV_AWS_338:each deployment chooses how long logs are kept
  name              = "/aws/vendedlogs/states/${var.state_machine.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

module "state_machine_role" {
  source = "../role"

  name        = "${var.prefix}-state-machine"
  description = "What the state machine ${var.state_machine.name} may do"
  account     = var.account
  services    = ["states.amazonaws.com"]
  # The children of its Distributed Map belong to stateMachine:NAME/LABEL (Step Functions API reference, StartExecution).
  source_arns = [for suffix in ["", "/*"] : "${local.states}:stateMachine:${var.state_machine.name}${suffix}"]
  policies    = { state-machine = data.aws_iam_policy_document.state_machine.json }
}

data "aws_iam_policy_document" "state_machine" {
  #checkov:skip=CKV_AWS_111:only log delivery and tracing are on *, and AWS supports no resource for them
  #checkov:skip=CKV_AWS_356:AWS supports no resource for these actions
  statement {
    sid       = "Functions"
    actions   = ["lambda:InvokeFunction"]
    resources = local.invoked
  }

  # Step Functions developer guide, "IAM policies for using Distributed Map states", for this and the next two.
  statement {
    sid       = "StartMapRuns"
    actions   = ["states:StartExecution"]
    resources = ["${local.states}:stateMachine:${var.state_machine.name}"]
  }

  statement {
    sid     = "FollowMapRuns"
    actions = ["states:DescribeExecution", "states:StopExecution"]
    resources = [
      "${local.states}:execution:${var.state_machine.name}:*",
      "${local.states}:execution:${var.state_machine.name}/*",
    ]
  }

  statement {
    sid       = "ReadManifests"
    actions   = ["s3:GetObject"]
    resources = local.manifests
  }

  statement {
    sid       = "TellOfFailures"
    actions   = ["sns:Publish"]
    resources = [var.alarm_topic_arn]
  }

  statement {
    sid       = "ManifestsAndTopicAreEncrypted"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = [local.s3, "sns.${var.region}.amazonaws.com"]
    }
  }

  # AWS supports no resource (Step Functions developer guide, "Using CloudWatch Logs to log execution history").
  statement {
    sid = "LogDelivery"
    actions = [
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }

  # AWS supports no resource (service authorization reference, "AWS X-Ray").
  statement {
    sid = "Traces"
    actions = [
      "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    ]
    resources = ["*"]
  }
}
