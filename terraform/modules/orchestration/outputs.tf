output "webserver_url" {
  description = "Where Airflow's pages are."
  value       = "https://${aws_mwaa_environment.this.webserver_url}"
}

output "environment_name" {
  description = "Name of the MWAA environment."
  value       = aws_mwaa_environment.this.name
}

output "bucket" {
  description = "Name of the bucket that holds DAGs, plugins, requirements and startup script."
  value       = aws_s3_bucket.airflow.bucket
}

output "role_arn" {
  description = "ARN of the environment's execution role."
  value       = aws_iam_role.airflow.arn
}
