output "alarm_topic_arn" {
  description = "ARN of the SNS topic that alarms notify."
  value       = aws_sns_topic.alarms.arn
}

output "alarm_names" {
  description = "Names of all alarms."
  value       = concat(keys(local.alarms), values(aws_cloudwatch_metric_alarm.topic_rule_failures)[*].alarm_name)
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
