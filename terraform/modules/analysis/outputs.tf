output "notebook_url" {
  description = "Where the notebook opens, for who is signed in to AWS. Null where there is none."
  value       = one([for instance in aws_sagemaker_notebook_instance.this : "https://${instance.url}/lab/tree/${local.notebook}"])
}

output "quicksight_data_source_arn" {
  description = "ARN of QuickSight's data source. Null where there is none."
  value       = one(aws_quicksight_data_source.athena[*].arn)
}
