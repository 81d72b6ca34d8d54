# The lake lane: each stream's delivery stream into the raw bucket, by hour of arrival, gzipped.

locals {
  delivery_stream_arns = [
    for stream in values(var.streams) :
    "arn:${data.aws_partition.current.partition}:firehose:${var.region}:${var.account}:deliverystream/${stream.delivery_stream}"
  ]
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  for_each = var.streams

  name        = each.value.delivery_stream
  destination = "extended_s3"

  server_side_encryption {
    enabled  = true
    key_type = "CUSTOMER_MANAGED_CMK"
    key_arn  = var.key_arn
  }

  extended_s3_configuration {
    role_arn            = module.firehose_role.arn
    bucket_arn          = var.raw_bucket.arn
    prefix              = each.value.prefix
    error_output_prefix = each.value.error_prefix
    buffering_interval  = var.firehose.buffer_seconds
    buffering_size      = var.firehose.buffer_megabytes
    compression_format  = var.records.compression

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.firehose[each.key].name
      log_stream_name = aws_cloudwatch_log_stream.firehose[each.key].name
    }
  }
}

resource "aws_cloudwatch_log_group" "firehose" {
  #checkov:skip=CKV_AWS_338:each deployment chooses how long logs are kept
  for_each = var.streams

  name              = "/aws/firehose/${each.value.delivery_stream}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

resource "aws_cloudwatch_log_stream" "firehose" {
  for_each = var.streams

  name           = "S3Delivery"
  log_group_name = aws_cloudwatch_log_group.firehose[each.key].name
}

module "firehose_role" {
  source = "../role"

  name        = "${var.prefix}-firehose"
  description = "Firehose delivers into the raw bucket"
  account     = var.account
  services    = ["firehose.amazonaws.com"]
  source_arns = local.delivery_stream_arns
  policies    = { firehose = data.aws_iam_policy_document.firehose.json }
}

# Firehose developer guide, "Grant Firehose access to an Amazon S3 destination".
data "aws_iam_policy_document" "firehose" {
  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [var.raw_bucket.arn]
  }

  statement {
    sid     = "Objects"
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = [
      "${var.raw_bucket.arn}/${var.folders.raw}/*",
      "${var.raw_bucket.arn}/${var.folders.raw_errors}/*",
    ]
  }

  statement {
    sid       = "EncryptObjects"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:PutLogEvents"]
    resources = [for stream in aws_cloudwatch_log_stream.firehose : stream.arn]
  }
}
