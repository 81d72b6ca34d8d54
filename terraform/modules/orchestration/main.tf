locals {
  name = "${var.prefix}-airflow"
  log_levels = {
    DAGProcessing = "WARNING"
    Scheduler     = "WARNING"
    Task          = "INFO"
    WebServer     = "WARNING"
    Worker        = "WARNING"
  }
}

resource "aws_mwaa_environment" "this" {
  name               = local.name
  airflow_version    = var.airflow_version
  environment_class  = var.environment_class
  min_workers        = var.min_workers
  max_workers        = var.max_workers
  execution_role_arn = module.role.arn
  kms_key            = var.key_arn

  source_bucket_arn = module.bucket.arn
  dag_s3_path       = "dags"

  # Each path needs the version of its object. Otherwise MWAA looks for the version that it knows from the previous object.
  plugins_s3_path                  = aws_s3_object.artefact["plugins"].key
  plugins_s3_object_version        = aws_s3_object.artefact["plugins"].version_id
  requirements_s3_path             = aws_s3_object.artefact["requirements"].key
  requirements_s3_object_version   = aws_s3_object.artefact["requirements"].version_id
  startup_script_s3_path           = aws_s3_object.artefact["startup"].key
  startup_script_s3_object_version = aws_s3_object.artefact["startup"].version_id

  webserver_access_mode = var.webserver_access_mode

  network_configuration {
    subnet_ids         = slice(var.subnet_ids, 0, 2)
    security_group_ids = var.security_group_ids
  }

  airflow_configuration_options = {
    "dag_processor.refresh_interval" = "60" # seconds until a new DAG file is seen; Airflow's default is 300
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = local.log_levels.DAGProcessing
    }

    scheduler_logs {
      enabled   = true
      log_level = local.log_levels.Scheduler
    }

    task_logs {
      enabled   = true
      log_level = local.log_levels.Task
    }

    webserver_logs {
      enabled   = true
      log_level = local.log_levels.WebServer
    }

    worker_logs {
      enabled   = true
      log_level = local.log_levels.Worker
    }
  }

  # The first artefacts are Terraform's, as an environment cannot be created without any. Later ones are uploaded by
  # `telemetry deploy`, which knows what the environment uses; neither undoes the other's work.
  lifecycle {
    ignore_changes = [
      airflow_version, # an upgrade changes the version and the artefacts at once
      plugins_s3_path, plugins_s3_object_version,
      requirements_s3_path, requirements_s3_object_version,
      startup_script_s3_path, startup_script_s3_object_version,
    ]
  }

  depends_on = [
    aws_cloudwatch_log_group.airflow,
    aws_s3_object.dag,
  ]
}

# MWAA would create the log groups itself, keep them forever and leave them behind. It defines the names.
resource "aws_cloudwatch_log_group" "airflow" {
  #checkov:skip=CKV_AWS_338:each deployment chooses how long logs are kept
  for_each = local.log_levels

  name              = "airflow-${local.name}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}
