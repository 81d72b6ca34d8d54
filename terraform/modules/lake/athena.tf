# Where people query the lake.

resource "aws_athena_workgroup" "this" {
  name          = "${var.prefix}-telemetry"
  description   = "Queries of the telemetry lake"
  force_destroy = true # deletes its history of queries too

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${module.bucket["processed"].name}/${local.query_results}/"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.key_arn
      }
    }
  }
}
