# Every alarm by name: those of settings.yaml, which also exist on one machine, and those on what only AWS measures.

locals {
  alarms = { for alarm in concat(
    var.alarms,
    local.function_alarms,
    local.execution_alarms,
    local.delivery_alarms,
    local.warehouse_alarms,
  ) : alarm.name => alarm }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = each.key
  alarm_description   = "${each.value.description} Runbook: ${var.runbooks_url}/${each.value.runbook}.md"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period_seconds
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing_data
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

# A rule's failures are counted by kind of action; the query adds them up.
resource "aws_cloudwatch_metric_alarm" "topic_rule_failures" {
  for_each = var.streams

  alarm_name          = "${var.prefix}-${each.key}-topic-rule-failures"
  alarm_description   = "The topic rule could not send messages on. They are in ${dirname(each.value.error_key)}/. Runbook: ${var.runbooks_url}/topic_rule_failures.md"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "failures"
    label       = "Failures"
    expression  = "SELECT SUM(Failure) FROM \"AWS/IoT\" WHERE RuleName = '${each.value.topic_rule}'"
    period      = 300
    return_data = true
  }
}
