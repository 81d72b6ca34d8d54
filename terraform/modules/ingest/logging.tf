# Errors that come before a rule's actions, such as a failed connection, a refused publish or SQL that cannot be evaluated,
# are only in the logs of AWS IoT. They are a setting of the account and region, not of this deployment.

resource "aws_iot_logging_options" "this" {
  count = var.iot_logging ? 1 : 0

  default_log_level = "ERROR"
  role_arn          = module.logging_role[0].arn
}

# AWS IoT defines the name of the log group.
resource "aws_cloudwatch_log_group" "iot" {
  #checkov:skip=CKV_AWS_338:each deployment chooses how long logs are kept
  count = var.iot_logging ? 1 : 0

  name              = "AWSIotLogsV2"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

module "logging_role" {
  source = "../role"
  count  = var.iot_logging ? 1 : 0

  name        = "${var.prefix}-iot-logging"
  description = "AWS IoT writes its log"
  account     = var.account
  services    = ["iot.amazonaws.com"]
  policies    = { log = data.aws_iam_policy_document.logging.json }
}

# AWS IoT developer guide, "Configure AWS IoT logging", without the creation of the log group.
data "aws_iam_policy_document" "logging" {
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for group in aws_cloudwatch_log_group.iot : "${group.arn}:*"]
  }
}
