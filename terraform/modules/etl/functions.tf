# The functions, the layer that they share, and their log groups.

data "aws_partition" "current" {}

locals {
  # The simulator calls only AWS IoT, which can be reached from anywhere.
  in_network = toset([for key in keys(var.functions) : key if var.network != null && key != "device_simulator"])
}

resource "aws_s3_object" "layer" {
  bucket     = var.artefact_bucket.name
  key        = var.artefacts.layer
  source     = "${var.artefacts_folder}/${var.artefacts.layer}"
  kms_key_id = var.key_arn

  override_provider {
    default_tags {
      tags = {} # S3 objects have at most ten tags, so default tags are left out
    }
  }
}

resource "aws_lambda_layer_version" "dependencies" {
  layer_name               = var.layer_name
  description              = trimsuffix(basename(aws_s3_object.layer.key), ".zip")
  s3_bucket                = aws_s3_object.layer.bucket
  s3_key                   = aws_s3_object.layer.key
  compatible_runtimes      = ["python${var.artefacts.python}"]
  compatible_architectures = ["x86_64"]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_s3_object" "function" {
  for_each = var.functions

  bucket     = var.artefact_bucket.name
  key        = var.artefacts.functions[each.key]
  source     = "${var.artefacts_folder}/${var.artefacts.functions[each.key]}"
  kms_key_id = var.key_arn

  override_provider {
    default_tags {
      tags = {} # S3 objects have at most ten tags, so default tags are left out
    }
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:concurrency is reserved only by variable, because a new account has ten and cannot spare any
  #checkov:skip=CKV_AWS_116:Step Functions waits for its functions and reports failures; a missed run of the simulator loses nothing
  #checkov:skip=CKV_AWS_117:all functions but the simulator are in the VPC if there is one
  #checkov:skip=CKV_AWS_272:the zips come from this checkout and are named by their content; each team decides about a signing profile
  for_each = var.functions

  function_name                  = each.value.name
  description                    = "Telemetry pipeline: ${replace(each.key, "_", " ")}"
  role                           = module.function_role[each.key].arn
  runtime                        = "python${var.artefacts.python}"
  architectures                  = ["x86_64"]
  handler                        = "handler.handler"
  memory_size                    = each.value.memory_megabytes
  timeout                        = each.value.timeout_seconds
  layers                         = [aws_lambda_layer_version.dependencies.arn]
  s3_bucket                      = aws_s3_object.function[each.key].bucket
  s3_key                         = aws_s3_object.function[each.key].key
  reserved_concurrent_executions = lookup(var.reserved_concurrency, each.key, -1)
  kms_key_arn                    = var.key_arn

  environment {
    variables = var.environment
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "vpc_config" {
    for_each = contains(local.in_network, each.key) ? [var.network] : []

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = [vpc_config.value.security_group_id]
    }
  }

  # Without the log group, Lambda would create one that is kept forever. Without the role's policy, it cannot join a VPC.
  depends_on = [aws_cloudwatch_log_group.function]
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_338:each deployment chooses how long logs are kept
  for_each = var.functions

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}
