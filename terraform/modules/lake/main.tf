# The lake's buckets, the one for artefacts, and the one that the access logs of the others go to.

data "aws_partition" "current" {}

locals {
  buckets = {
    for purpose, name in { raw = "raw-lake", processed = "processed", artefacts = "artefacts", logs = "access-logs" } :
    purpose => "${var.prefix}-${name}-${var.account}-${var.region}"
  }
  logged = { for purpose, name in local.buckets : purpose => name if purpose != "logs" }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:all but the log bucket log to it, below; it would log to itself
  #checkov:skip=CKV_AWS_144:a copy in a second region is a team's own choice, at twice the price
  #checkov:skip=CKV_AWS_145:encrypted below, with the KMS key; the log bucket with S3's, since log delivery takes no other
  #checkov:skip=CKV2_AWS_62:loads look for objects by their schedule and miss none; nothing waits for an event
  for_each = local.buckets

  bucket        = each.value
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    bucket_key_enabled = each.key != "logs"

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "logs" ? null : var.key_arn
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.logged

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

data "aws_iam_policy_document" "bucket" {
  for_each = aws_s3_bucket.this

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

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

  # S3 user guide, "Permissions for log delivery".
  dynamic "statement" {
    for_each = each.key == "logs" ? [each.value.arn] : []

    content {
      sid       = "AccessLogs"
      actions   = ["s3:PutObject"]
      resources = [for purpose in keys(local.logged) : "${statement.value}/${purpose}/*"]

      principals {
        type        = "Service"
        identifiers = ["logging.s3.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [for name in values(local.logged) : "arn:${data.aws_partition.current.partition}:s3:::${name}"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.account]
      }
    }
  }
}
