# Every alarm by name: those of settings.yaml, which also exist on one machine, and those on what only AWS measures.

locals {
  alarms = { for alarm in concat(
    var.alarms,
    local.function_alarms,
    local.execution_alarms,
    local.delivery_alarms,
    local.warehouse_alarms,
    local.airflow_alarms,
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

# These metrics of a rule are counted by kind of action, so a query adds them up.
locals {
  rule_alarms = merge([
    for stream, names in var.streams : {
      for runbook, alarm in {
        topic_rule_failures   = { metric = "Failure", description = "The topic rule could not send messages on. They are in ${dirname(names.error_key)}/." }
        error_action_failures = { metric = "ErrorActionFailure", description = "The topic rule could neither send messages on nor write them to ${dirname(names.error_key)}/: they are lost." }
        topic_rule_throttles  = { metric = "RuleMessageThrottled", description = "AWS IoT throttles the topic rule: messages do not reach it, and are lost." }
      } : "${var.prefix}-${stream}-${replace(runbook, "_", "-")}" => merge(alarm, { runbook = runbook, topic_rule = names.topic_rule })
    }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "topic_rule" {
  for_each = local.rule_alarms

  alarm_name          = each.key
  alarm_description   = "${each.value.description} Runbook: ${var.runbooks_url}/${each.value.runbook}.md"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "messages"
    label       = "Messages"
    expression  = "SELECT SUM(${each.value.metric}) FROM \"AWS/IoT\" WHERE RuleName = '${each.value.topic_rule}'"
    period      = 300
    return_data = true
  }
}
