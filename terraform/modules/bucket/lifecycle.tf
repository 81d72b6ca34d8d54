# What happens to objects as they age.

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

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
    for_each = var.colder_after_days

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
    for_each = var.expired_after_days

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
