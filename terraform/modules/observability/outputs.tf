output "alarm_topic_arn" {
  description = "ARN of the SNS topic that alarms notify."
  value       = aws_sns_topic.alarms.arn
}

output "alarm_names" {
  description = "Names of all alarms."
  value       = concat(keys(local.alarms), values(aws_cloudwatch_metric_alarm.topic_rule)[*].alarm_name)
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "unconfirmed_emails" {
  description = "E-mail addresses that have not confirmed their subscription to the alarms."
  value       = [for address, subscription in aws_sns_topic_subscription.email : address if subscription.pending_confirmation]
}
