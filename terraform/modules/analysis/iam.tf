resource "aws_iam_role" "notebook" {
  count = var.create_notebook ? 1 : 0

  name               = local.name
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "SageMaker"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account]
    }
  }
}

resource "aws_iam_role_policy" "notebook" {
  count = var.create_notebook ? 1 : 0

  name   = "read-lake"
  role   = aws_iam_role.notebook[0].id
  policy = data.aws_iam_policy_document.notebook.json
}

data "aws_iam_policy_document" "notebook" {
  statement {
    sid       = "ListLake"
    actions   = ["s3:ListBucket"]
    resources = [var.raw_bucket.arn, var.processed_bucket.arn]
  }

  statement {
    sid       = "ReadLake"
    actions   = ["s3:GetObject"]
    resources = ["${var.raw_bucket.arn}/*", "${var.processed_bucket.arn}/*"]
  }

  statement {
    sid       = "FetchNotebook"
    actions   = ["s3:GetObject"]
    resources = ["${var.artefact_bucket.arn}/notebooks/*"]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [var.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }

  # SageMaker writes what the lifecycle script says into one log group for all notebook instances
  # (https://docs.aws.amazon.com/sagemaker/latest/dg/notebook-lifecycle-config.html).
  statement {
    sid       = "LifecycleLogs"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:${var.region}:${var.account}:log-group:/aws/sagemaker/NotebookInstances:*"]
  }
}
