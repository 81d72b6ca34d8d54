# What becomes of objects as they age. Readings are kept for ever, in ever colder storage.

locals {
  query_results = "athena-results"
  colder        = { raw = "${var.folders.raw}/", processed = "${var.folders.processed}/" }
  expiring = {
    raw       = {}
    processed = { "${var.folders.manifests}/" = 90, "${local.query_results}/" = 30 }
    artefacts = {}
    logs      = { "" = var.log_retention_days }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = { for purpose, folder in local.colder : folder => var.transition_days if purpose == each.key }

    content {
      id     = "colder"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      transition {
        days          = rule.value.standard_ia
        storage_class = "STANDARD_IA"
      }

      transition {
        days          = rule.value.glacier_ir
        storage_class = "GLACIER_IR"
      }
    }
  }

  dynamic "rule" {
    for_each = local.expiring[each.key]

    content {
      id     = trimsuffix("expire-${trimsuffix(rule.key, "/")}", "-")
      status = "Enabled"

      filter {
        prefix = rule.key != "" ? rule.key : null
      }

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
