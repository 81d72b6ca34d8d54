# A role for each function: its permissions, its own log group, tracing, and network interfaces if it is in a VPC.

module "function_role" {
  source   = "../role"
  for_each = var.functions

  name        = "${var.prefix}-${replace(each.key, "_", "-")}"
  description = "What ${each.value.name} may do"
  account     = var.account
  services    = ["lambda.amazonaws.com"]
  policies    = { (replace(each.key, "_", "-")) = data.aws_iam_policy_document.function[each.key].json }
}

data "aws_iam_policy_document" "function" {
  #checkov:skip=CKV_AWS_111:only tracing, metrics and descriptions of network interfaces are on *, and AWS supports no resource for them
  #checkov:skip=CKV_AWS_356:AWS supports no resource for these actions
  for_each = var.functions

  dynamic "statement" {
    for_each = local.permissions[each.key]

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = try([statement.value.condition], [])

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  # AWS supports no resource (service authorization reference, "AWS X-Ray").
  statement {
    sid       = "Traces"
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
  }

  # Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC", for this and the next two.
  dynamic "statement" {
    for_each = contains(local.in_network, each.key) ? [1] : []

    content {
      sid = "NetworkInterfaces"
      actions = [
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["arn:${data.aws_partition.current.partition}:ec2:${var.region}:${var.account}:*/*"]
    }
  }

  # AWS supports no resource for descriptions.
  dynamic "statement" {
    for_each = contains(local.in_network, each.key) ? [1] : []

    content {
      sid       = "DescribeNetwork"
      actions   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
      resources = ["*"]
    }
  }

  # Lambda itself needs the interfaces; the function's code does not.
  dynamic "statement" {
    for_each = contains(local.in_network, each.key) ? [1] : []

    content {
      sid    = "NoInterfacesForTheCode"
      effect = "Deny"
      actions = [
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = ["arn:${data.aws_partition.current.partition}:lambda:${var.region}:${var.account}:function:${each.value.name}"]
      }
    }
  }
}
