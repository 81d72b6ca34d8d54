output "address" {
  description = "HOST:PORT/DATABASE, which the managed secret does not contain."
  value       = "${aws_db_instance.this.endpoint}/${aws_db_instance.this.db_name}"
}

output "secret_arn" {
  description = "ARN of the master user's secret, which RDS rotates."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "instance_id" {
  description = "Identifier of the instance, as in CloudWatch's metrics."
  value       = aws_db_instance.this.identifier
}
