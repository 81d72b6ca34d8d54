output "key_arn" {
  description = "ARN of the key."
  value       = aws_kms_key.this.arn

  # Who encrypts with the key before its policy is there is refused.
  depends_on = [aws_kms_key_policy.this]
}
