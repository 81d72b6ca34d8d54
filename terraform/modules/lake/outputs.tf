output "raw_bucket" {
  description = "Name and ARN of the raw bucket."
  value       = module.bucket["raw-lake"]
}

output "processed_bucket" {
  description = "Name and ARN of the processed bucket."
  value       = module.bucket["processed"]
}

output "artefact_bucket" {
  description = "Name and ARN of the bucket for function zips and layers."
  value       = module.bucket["artefacts"]
}

output "expired_after_days" {
  description = "Age in days at which objects of the lake's buckets are deleted, by bucket and prefix."
  value       = local.expired
}

output "glue_database" {
  description = "Name of the Glue database."
  value       = aws_glue_catalog_database.this.name
}

output "athena_workgroup" {
  description = "Name of the Athena workgroup."
  value       = aws_athena_workgroup.this.name
}
