# Each stream's queue, and the dead-letter queue for messages that were received too often.

resource "aws_sqs_queue" "dead_letters" {
  for_each = var.streams

  name                      = each.value.dead_letter_queue
  max_message_size          = var.queue.message_bytes_max
  message_retention_seconds = var.queue.retention_seconds
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "this" {
  for_each = var.streams

  name                       = each.value.queue
  max_message_size           = var.queue.message_bytes_max
  message_retention_seconds  = var.queue.retention_seconds
  visibility_timeout_seconds = var.queue.visibility_timeout_seconds
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = var.queue.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "this" {
  for_each = var.streams

  queue_url = aws_sqs_queue.dead_letters[each.key].url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this[each.key].arn]
  })
}

locals {
  queues = merge(
    { for stream, queue in aws_sqs_queue.this : stream => queue },
    { for stream, queue in aws_sqs_queue.dead_letters : "${stream} dead letters" => queue },
  )
}

resource "aws_sqs_queue_policy" "this" {
  for_each = local.queues

  queue_url = each.value.url
  policy    = data.aws_iam_policy_document.queue[each.key].json
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queues

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
