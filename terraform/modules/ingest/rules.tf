# A topic rule for each stream sends every message to both lanes, and messages that fail to the raw bucket.

resource "aws_iot_topic_rule" "this" {
  for_each = var.streams

  name        = each.value.topic_rule
  description = "Messages of the stream ${each.key} go down both lanes"
  enabled     = true
  sql         = each.value.sql
  sql_version = var.records.sql_version

  firehose {
    role_arn             = module.rules_role.arn
    delivery_stream_name = aws_kinesis_firehose_delivery_stream.this[each.key].name
    separator            = var.records.separator
  }

  sqs {
    role_arn   = module.rules_role.arn
    queue_url  = aws_sqs_queue.this[each.key].url
    use_base64 = false
  }

  error_action {
    s3 {
      role_arn    = module.rules_role.arn
      bucket_name = var.raw_bucket.name
      key         = each.value.error_key
    }
  }
}

module "rules_role" {
  source = "../role"

  name        = "${var.prefix}-topic-rules"
  description = "Topic rules send messages to both lanes"
  account     = var.account
  services    = ["iot.amazonaws.com"]
  source_arns = [for stream in values(var.streams) : "${local.iot}:rule/${stream.topic_rule}"]
  policies    = { topic-rules = data.aws_iam_policy_document.rules.json }
}

data "aws_iam_policy_document" "rules" {
  statement {
    sid       = "LakeLane"
    actions   = ["firehose:PutRecord"]
    resources = local.delivery_stream_arns
  }

  statement {
    sid       = "QueueLane"
    actions   = ["sqs:SendMessage"]
    resources = [for queue in aws_sqs_queue.this : queue.arn]
  }

  statement {
    sid       = "Errors"
    actions   = ["s3:PutObject"]
    resources = ["${var.raw_bucket.arn}/${var.folders.rule_errors}/*"]
  }

  statement {
    sid       = "EncryptErrors"
    actions   = ["kms:GenerateDataKey"]
    resources = [var.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}
