resource "aws_flow_log" "this" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = "ALL"
  log_destination = aws_cloudwatch_log_group.flow_logs.arn
  iam_role_arn    = module.flow_logs_role.arn

  tags = { Name = var.prefix }
}

resource "aws_cloudwatch_log_group" "flow_logs" {
  #checkov:skip=CKV_AWS_338:each deployment chooses how long logs are kept
  name              = "/aws/vpc/${var.prefix}-flow-logs"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

data "aws_partition" "current" {}

module "flow_logs_role" {
  source = "../role"

  name        = "${var.prefix}-flow-logs"
  description = "Writes the network's flow logs"
  account     = var.account
  services    = ["vpc-flow-logs.amazonaws.com"]
  source_arns = ["arn:${data.aws_partition.current.partition}:ec2:${var.region}:${var.account}:vpc-flow-log/*"]
  policies    = { write-flow-logs = data.aws_iam_policy_document.flow_logs.json }
}

data "aws_iam_policy_document" "flow_logs" {
  statement {
    sid = "WriteFlowLogs"
    actions = [
      "logs:CreateLogStream",
      "logs:DescribeLogGroups",
      "logs:DescribeLogStreams",
      "logs:PutLogEvents",
    ]
    resources = ["${aws_cloudwatch_log_group.flow_logs.arn}:*"]
  }
}
