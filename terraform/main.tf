# One deployment: the modules and their connections.

data "aws_caller_identity" "current" {}

data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394:the variable zones pins them where this is needed
  count = local.create_network && var.zones == null ? 1 : 0

  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

module "encryption" {
  source = "./modules/encryption"

  prefix  = local.prefix
  account = local.account
  region  = var.region
}

module "network" {
  source = "./modules/network"
  count  = local.create_network ? 1 : 0

  prefix                  = local.prefix
  account                 = local.account
  region                  = var.region
  cidr                    = var.network_cidr
  zones                   = local.zones
  nat_gateways            = local.nat_gateways
  interface_endpoints     = local.interface_endpoints[var.interface_endpoints]
  endpoints_in_every_zone = local.composition.endpoints_in_every_zone
  operator_cidrs          = var.operator_cidrs
  key_arn                 = module.encryption.key_arn
  log_retention_days      = var.log_retention_days
}

module "lake" {
  source = "./modules/lake"

  prefix             = local.prefix
  account            = local.account
  region             = var.region
  key_arn            = module.encryption.key_arn
  folders            = local.checked.folders
  streams            = local.streams
  lanes              = local.checked.lanes
  transition_days    = var.transition_days
  log_retention_days = var.log_retention_days
  force_destroy      = !local.keep_data
}

module "ingest" {
  source = "./modules/ingest"

  prefix             = local.prefix
  account            = local.account
  region             = var.region
  key_arn            = module.encryption.key_arn
  raw_bucket         = module.lake.raw_bucket
  folders            = local.checked.folders
  streams            = local.streams
  records            = local.checked.records
  firehose           = local.settings.firehose
  queue              = local.settings.queue
  things             = var.things
  gateways           = var.gateways
  iot_logging        = coalesce(var.iot_logging, local.composition.iot_logging)
  log_retention_days = var.log_retention_days
}

module "etl" {
  source = "./modules/etl"

  prefix                 = local.prefix
  account                = local.account
  region                 = var.region
  key_arn                = module.encryption.key_arn
  functions              = local.settings.functions
  layer_name             = local.names.layer
  artefacts              = local.artefacts
  artefacts_folder       = var.artefacts_folder
  artefact_bucket        = module.lake.artefact_bucket
  environment            = local.function_environment
  network                = local.network
  reserved_concurrency   = var.reserved_concurrency
  raw_bucket             = module.lake.raw_bucket
  processed_bucket       = module.lake.processed_bucket
  folders                = local.checked.folders
  queue_arns             = values(module.ingest.queue_arns)
  dead_letter_queue_arns = values(module.ingest.dead_letter_queue_arns)
  simulator_topic        = local.streams[local.settings.simulator.stream].topic
  metric_namespace       = local.settings.alarms.unaccounted_messages.namespace
  database_secret_arn    = local.database_secret_arn
  alarm_topic_arn        = module.observability.alarm_topic_arn
  log_retention_days     = var.log_retention_days
  state_machine = {
    name            = local.names.state_machine
    definition_file = "${var.include_folder}/state_machines/telemetry_etl.asl.json"
  }
}

module "simulator" {
  source = "./modules/simulator"

  schedule_name = local.names.schedule
  schedule      = local.settings.simulator.schedule
  enabled       = coalesce(var.simulator_enabled, local.settings.simulator.enabled)
  function_name = module.etl.function_names.device_simulator
  function_arn  = module.etl.function_arns.device_simulator
}

module "warehouse" {
  source = "./modules/warehouse"
  count  = local.create_warehouse ? 1 : 0

  prefix                    = local.prefix
  account                   = local.account
  region                    = var.region
  vpc_id                    = local.network.vpc_id
  subnet_ids                = local.network.subnet_ids
  client_security_group_ids = [local.network.security_group_id]
  key_arn                   = module.encryption.key_arn
  engine_version            = local.warehouse.engine_version
  instance_class            = local.warehouse.instance_class
  multi_az                  = local.warehouse.multi_az
  allocated_storage_gib     = local.warehouse.allocated_storage_gib
  max_allocated_storage_gib = local.warehouse.max_allocated_storage_gib
  backup_retention_days     = local.warehouse.backup_retention_days
  maintenance_window        = local.warehouse.maintenance_window
  backup_window             = local.warehouse.backup_window
  apply_immediately         = local.warehouse.apply_immediately
  blue_green_update         = local.warehouse.blue_green_update
  snapshot_identifier       = var.snapshot_identifier
  deletion_protection       = local.keep_data
  final_snapshot            = local.composition.keep_data # also after the protection is lifted
  operator_cidrs            = var.operator_cidrs
  log_retention_days        = var.log_retention_days
}

# MWAA's startup script reads it, so the script is the same for every deployment.
resource "aws_ssm_parameter" "environment" {
  #checkov:skip=CKV2_AWS_34:names only, no secret; the database's secret is in Secrets Manager
  #checkov:skip=CKV_AWS_337:it holds names only, no secret
  name        = local.names.environment_parameter
  description = "Environment variables of the telemetry deployment, as JSON"
  type        = "String"
  value       = jsonencode(local.deployment_environment)
}

module "orchestration" {
  source = "./modules/orchestration"
  count  = local.create_airflow ? 1 : 0

  prefix                    = local.prefix
  account                   = local.account
  region                    = var.region
  airflow_version           = local.artefacts.airflow.version
  artefacts                 = local.artefacts.airflow
  artefacts_folder          = var.artefacts_folder
  environment_class         = var.airflow_environment_class
  webserver_access_mode     = var.airflow_access
  subnet_ids                = local.network.subnet_ids
  security_group_ids        = [local.network.security_group_id]
  key_arn                   = module.encryption.key_arn
  log_retention_days        = var.log_retention_days
  state_machine_arn         = module.etl.state_machine_arn
  quality_function_arn      = module.etl.function_arns.data_quality
  raw_bucket_arn            = module.lake.raw_bucket.arn
  queue_arns                = values(module.ingest.queue_arns)
  database_secret_arn       = local.database_secret_arn
  environment_parameter_arn = aws_ssm_parameter.environment.arn
}

module "analysis" {
  source = "./modules/analysis"

  prefix              = local.prefix
  account             = local.account
  region              = var.region
  create_notebook     = local.create_notebook
  notebook_file       = "${var.include_folder}/notebooks/telemetry_analysis.ipynb"
  subnet_id           = local.create_notebook ? local.network.subnet_ids[0] : null
  security_group_ids  = local.create_notebook ? [local.network.security_group_id] : []
  key_arn             = module.encryption.key_arn
  raw_bucket          = module.lake.raw_bucket
  processed_bucket    = module.lake.processed_bucket
  artefact_bucket     = module.lake.artefact_bucket
  athena_workgroup    = module.lake.athena_workgroup
  quicksight_user_arn = var.quicksight_user_arn
}

module "observability" {
  source = "./modules/observability"

  prefix             = local.prefix
  account            = local.account
  region             = var.region
  key_arn            = module.encryption.key_arn
  alarm_topic        = local.names.alarm_topic
  alarm_emails       = var.alarm_emails
  alarms             = local.checked.alarms
  streams            = local.streams
  functions          = module.etl.function_names
  state_machine_arn  = module.etl.state_machine_arn
  runbooks_url       = var.runbooks_url
  monthly_budget_usd = var.monthly_budget_usd

  airflow_environment = local.create_airflow ? module.orchestration[0].environment_name : null
  warehouse = local.create_warehouse ? {
    instance_id           = module.warehouse[0].instance_id
    allocated_storage_gib = local.warehouse.allocated_storage_gib
  } : null
}

module "github" {
  source = "./modules/github"
  count  = var.github == null ? 0 : 1

  prefix       = local.prefix
  repository   = var.github.repository
  provider_arn = var.github.provider_arn
}
