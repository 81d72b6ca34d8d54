# The lake's buckets, the bucket for artefacts, and the bucket for the access logs of the others.

data "aws_partition" "current" {}

locals {
  suffix      = "${var.account}-${var.region}"
  names       = { for purpose in ["raw-lake", "processed", "artefacts"] : purpose => "${var.prefix}-${purpose}-${local.suffix}" }
  access_logs = "${var.prefix}-access-logs-${local.suffix}"
  s3          = "arn:${data.aws_partition.current.partition}:s3:::"

  query_results = "athena-results"

  # Readings are kept forever, in ever colder storage.
  colder = {
    raw-lake  = { "${var.folders.raw}/" = var.transition_days }
    processed = { "${var.folders.processed}/" = var.transition_days }
  }
  expired = {
    processed = { "${var.folders.manifests}/" = 90, "${local.query_results}/" = 30 }
  }
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
