output "key_arn" {
  description = "ARN of the key."
  value       = aws_kms_key.this.arn

  # Encrypting with the key fails before its policy exists.
  depends_on = [aws_kms_key_policy.this]
}
