# Who stores in a bucket waits until it is closed, encrypted and versioned.

output "raw_bucket" {
  description = "Name and ARN of the raw bucket."
  value       = { name = aws_s3_bucket.this["raw"].bucket, arn = aws_s3_bucket.this["raw"].arn }
  depends_on  = [aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this, aws_s3_bucket_policy.this]
}

output "processed_bucket" {
  description = "Name and ARN of the processed bucket."
  value       = { name = aws_s3_bucket.this["processed"].bucket, arn = aws_s3_bucket.this["processed"].arn }
  depends_on  = [aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this, aws_s3_bucket_policy.this]
}

output "artefact_bucket" {
  description = "Name and ARN of the bucket of function zips and layers."
  value       = { name = aws_s3_bucket.this["artefacts"].bucket, arn = aws_s3_bucket.this["artefacts"].arn }
  depends_on  = [aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this, aws_s3_bucket_policy.this]
}

output "log_bucket" {
  description = "Name of the bucket of access logs."
  value       = aws_s3_bucket.this["logs"].bucket
}

output "glue_database" {
  description = "Name of the Glue database."
  value       = aws_glue_catalog_database.this.name
}

output "athena_workgroup" {
  description = "Name of the Athena workgroup."
  value       = aws_athena_workgroup.this.name
}
