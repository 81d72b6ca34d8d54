# The functions, the layer that they share, and their log groups.

data "aws_partition" "current" {}

locals {
  # The simulator speaks to AWS IoT alone, which is reached from anywhere.
  in_network = toset([for key in keys(var.functions) : key if var.network != null && key != "device_simulator"])
}

resource "aws_s3_object" "layer" {
  bucket     = var.artefact_bucket.name
  key        = var.artefacts.layer
  source     = "${var.artefacts_folder}/${var.artefacts.layer}"
  kms_key_id = var.key_arn

  override_provider {
    default_tags {
      tags = {} # S3 gives an object ten tags at most: not for everyone's default tags
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
      tags = {} # S3 gives an object ten tags at most: not for everyone's default tags
    }
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:concurrency is reserved by variable only: a new account has ten, and none to give away
  #checkov:skip=CKV_AWS_116:Step Functions waits for its functions and tells of what failed; a lost tick of the simulator is no loss
  #checkov:skip=CKV_AWS_117:in the VPC where there is one, but for the simulator
  #checkov:skip=CKV_AWS_272:the zips are this checkout's own, named by their content; a signing profile is a team's own choice
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

  # Without its log group Lambda makes one that is kept for ever; without its role's policy it cannot join a VPC.
  depends_on = [aws_cloudwatch_log_group.function]
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is the deployment's choice
  for_each = var.functions

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}
