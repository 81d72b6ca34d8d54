output "notebook_url" {
  description = "URL of the notebook, for people who are signed in to AWS. Null without a notebook."
  value       = one([for instance in aws_sagemaker_notebook_instance.this : "https://${instance.url}/lab/tree/${local.notebook}"])
}

output "quicksight_data_source_arn" {
  description = "ARN of QuickSight's data source. Null without a data source."
  value       = one(aws_quicksight_data_source.athena[*].arn)
}
