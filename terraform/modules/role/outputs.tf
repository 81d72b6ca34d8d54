output "arn" {
  description = "ARN of the role: who takes it on waits until it may what it must."
  value       = aws_iam_role.this.arn
  depends_on  = [aws_iam_role_policy.this, aws_iam_role_policy_attachment.this]
}
