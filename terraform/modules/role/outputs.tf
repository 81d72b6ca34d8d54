output "arn" {
  description = "ARN of the role. It is known only after the role has its permissions."
  value       = aws_iam_role.this.arn
  depends_on  = [aws_iam_role_policy.this, aws_iam_role_policy_attachment.this]
}
