output "environment" {
  description = "Environment variables with which `telemetry` works on this deployment. They contain no secret."
  value = merge(
    local.deployment_environment,
    {
      AWS_REGION          = var.region
      AWS_DEFAULT_REGION  = var.region
      TELEMETRY_MQTT_HOST = module.ingest.iot_endpoint
      TELEMETRY_MQTT_PORT = "8883"
    },
    local.create_airflow ? { TELEMETRY_AIRFLOW_URL = module.orchestration[0].webserver_url } : {},
  )
}

output "network" {
  description = "IDs of the VPC, its private subnets and the security group that can reach the warehouse, for an Airflow that you run yourself."
  value       = local.network
}

output "raw_bucket" {
  description = "Name of the raw bucket."
  value       = module.lake.raw_bucket.name
}

output "processed_bucket" {
  description = "Name of the processed bucket."
  value       = module.lake.processed_bucket.name
}

output "artefact_bucket" {
  description = "Name of the bucket for function zips and layers."
  value       = module.lake.artefact_bucket.name
}

output "airflow_bucket" {
  description = "Name of MWAA's bucket. Null without MWAA."
  value       = one(module.orchestration[*].bucket)
}

output "airflow_environment" {
  description = "Name of the MWAA environment. Null without MWAA."
  value       = one(module.orchestration[*].environment_name)
}

output "airflow_url" {
  description = "URL of Airflow's pages. Null without MWAA."
  value       = one(module.orchestration[*].webserver_url)
}

output "notebook_url" {
  description = "URL of the notebook. Null without a notebook."
  value       = module.analysis.notebook_url
}

output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = module.etl.state_machine_arn
}

output "function_names" {
  description = "Names of the functions, by key in settings.yaml."
  value       = module.etl.function_names
}

output "queue_urls" {
  description = "URLs of the queues, by stream."
  value       = module.ingest.queue_urls
}

output "dead_letter_queue_urls" {
  description = "URLs of the dead-letter queues, by stream."
  value       = module.ingest.dead_letter_queue_urls
}

output "iot_endpoint" {
  description = "Host to which devices connect, on port 8883."
  value       = module.ingest.iot_endpoint
}

output "certificates" {
  description = "Certificates of things and gateways, in PEM, by name: `terraform output -json certificates`."
  value       = module.ingest.certificates
  sensitive   = true
}

output "database_address" {
  description = "HOST:PORT/DATABASE of the warehouse. Null if the secret contains it."
  value       = lookup(local.function_environment, "TELEMETRY_DATABASE_ADDRESS", null)
}

output "database_secret_arn" {
  description = "ARN of the warehouse's secret."
  value       = local.database_secret_arn
}

output "glue_database" {
  description = "Name of the Glue database that Athena queries."
  value       = module.lake.glue_database
}

output "athena_workgroup" {
  description = "Name of the Athena workgroup."
  value       = module.lake.athena_workgroup
}

output "alarm_topic_arn" {
  description = "ARN of the SNS topic that alarms notify."
  value       = module.observability.alarm_topic_arn
}

output "dashboard" {
  description = "Name of the CloudWatch dashboard."
  value       = module.observability.dashboard_name
}

output "unconfirmed_alarm_emails" {
  description = "Addresses in alarm_emails that alarms do not reach, because nobody has confirmed SNS's e-mail."
  value       = module.observability.unconfirmed_emails
}

output "github_roles" {
  description = "ARNs of the roles that the workflow on GitHub plans and applies with. Null: none."
  value       = var.github == null ? null : module.github[0].role_arns
}
