output "webserver_url" {
  description = "URL of Airflow's pages."
  value       = "https://${aws_mwaa_environment.this.webserver_url}"
}

output "environment_name" {
  description = "Name of the MWAA environment."
  value       = aws_mwaa_environment.this.name
}

output "bucket" {
  description = "Name of the bucket for DAGs, plugins, requirements and the startup script."
  value       = module.bucket.name
}

output "role_arn" {
  description = "ARN of the environment's execution role."
  value       = module.role.arn
}
