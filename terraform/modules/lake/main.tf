# The lake's buckets, the bucket for artefacts, and the bucket for the access logs of the others.

data "aws_partition" "current" {}

locals {
  suffix      = "${var.account}-${var.region}"
  names       = { for purpose in ["raw-lake", "processed", "artefacts"] : purpose => "${var.prefix}-${purpose}-${local.suffix}" }
  access_logs = "${var.prefix}-access-logs-${local.suffix}"
  s3          = "arn:${data.aws_partition.current.partition}:s3:::"

  query_results = "athena-results"

  # What is kept moves to ever colder storage.
  colder = {
    raw-lake  = { "${var.folders.raw}/" = var.transition_days }
    processed = { "${var.folders.processed}/" = var.transition_days }
  }
  # A stream's objects are kept as long as its file or settings.yaml says, and forever if neither does.
  stream_folders = {
    raw-lake  = [var.folders.raw, var.folders.queue, var.folders.raw_errors, var.folders.rule_errors]
    processed = [var.folders.processed, var.folders.quarantine]
  }
  stream_expired = {
    for purpose, folders in local.stream_folders : purpose => merge([
      for name, stream in var.streams : { for folder in folders : "${folder}/${name}/" => stream.lake_days } if stream.lake_days != null
    ]...)
  }
  expired = merge(local.stream_expired, {
    processed = merge(local.stream_expired.processed, { "${var.folders.manifests}/" = 90, "${local.query_results}/" = 30 })
  })
}

module "bucket" {
  source   = "../bucket"
  for_each = local.names

  name               = each.value
  key_arn            = var.key_arn
  access_logs        = { bucket = module.access_logs.name, prefix = "${each.key}/" }
  colder_after_days  = lookup(local.colder, each.key, {})
  expired_after_days = lookup(local.expired, each.key, {})
  force_destroy      = var.force_destroy
}

module "access_logs" {
  source = "../bucket"

  name               = local.access_logs
  policies           = [data.aws_iam_policy_document.access_logs.json]
  expired_after_days = { "" = var.log_retention_days }
  force_destroy      = var.force_destroy
}

# S3 user guide, "Permissions for log delivery".
data "aws_iam_policy_document" "access_logs" {
  statement {
    sid       = "AccessLogs"
    actions   = ["s3:PutObject"]
    resources = [for purpose in keys(local.names) : "${local.s3}${local.access_logs}/${purpose}/*"]

    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for name in values(local.names) : "${local.s3}${name}"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account]
    }
  }
}
