output "role_arns" {
  description = "ARNs of the roles that plan and apply."
  value       = { for key, role in aws_iam_role.this : key => role.arn }
}
