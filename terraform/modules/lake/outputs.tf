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

output "glue_database" {
  description = "Name of the Glue database."
  value       = aws_glue_catalog_database.this.name
}

output "athena_workgroup" {
  description = "Name of the Athena workgroup."
  value       = aws_athena_workgroup.this.name
}
