data "aws_partition" "current" {}

module "role" {
  source = "../role"
  count  = var.create_notebook ? 1 : 0

  name        = local.name
  description = "The notebook instance reads the lake"
  account     = var.account
  services    = ["sagemaker.amazonaws.com"]
  policies    = { read-lake = data.aws_iam_policy_document.notebook.json }
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

  # SageMaker writes the lifecycle script's output to one log group for all notebook instances
  # (https://docs.aws.amazon.com/sagemaker/latest/dg/notebook-lifecycle-config.html).
  statement {
    sid       = "LifecycleLogs"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account}:log-group:/aws/sagemaker/NotebookInstances:*"]
  }
}
