# MWAA's bucket: DAGs under fixed names, everything else under names that change with the content.

resource "aws_s3_bucket" "airflow" {
  #checkov:skip=CKV_AWS_18:it holds our own code alone, and its versions say what changed when
  #checkov:skip=CKV_AWS_144:another region's copy is one `make deploy` away
  #checkov:skip=CKV2_AWS_62:nobody waits for its objects: MWAA looks for them by itself
  bucket        = "${var.prefix}-airflow-${var.account}-${var.region}"
  force_destroy = true # nothing in it but what `telemetry package` makes again
}

resource "aws_s3_bucket_versioning" "airflow" {
  bucket = aws_s3_bucket.airflow.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "airflow" {
  bucket = aws_s3_bucket.airflow.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "airflow" {
  bucket = aws_s3_bucket.airflow.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "airflow" {
  bucket = aws_s3_bucket.airflow.id
  policy = data.aws_iam_policy_document.bucket.json

  depends_on = [aws_s3_bucket_public_access_block.airflow]
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.airflow.arn, "${aws_s3_bucket.airflow.arn}/*"]

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

resource "aws_s3_bucket_lifecycle_configuration" "airflow" {
  bucket = aws_s3_bucket.airflow.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.airflow]
}

resource "aws_s3_object" "dag" {
  for_each = toset(var.artefacts.dags)

  bucket      = aws_s3_bucket.airflow.id
  key         = trimprefix(each.value, "airflow/")
  source      = "${var.artefacts_folder}/${each.value}"
  source_hash = filemd5("${var.artefacts_folder}/${each.value}")
  kms_key_id  = var.key_arn

  depends_on = [aws_s3_bucket_versioning.airflow]
}

resource "aws_s3_object" "artefact" {
  for_each = {
    plugins      = var.artefacts.plugins
    requirements = var.artefacts.requirements
    startup      = var.artefacts.startup
  }

  bucket     = aws_s3_bucket.airflow.id
  key        = each.value
  source     = "${var.artefacts_folder}/${each.value}"
  kms_key_id = var.key_arn

  lifecycle {
    create_before_destroy = true # workers that start during the update still fetch the old one
  }

  depends_on = [aws_s3_bucket_versioning.airflow]
}
