# One page for people, from left to right and top to bottom: is anything wrong, do messages arrive, do loads run?

locals {
  # Widgets have no positions: CloudWatch places them in rows of two.
  half = { type = "metric", width = 12, height = 6 }
  time_series = {
    region = var.region
    view   = "timeSeries"
    period = 300
    stat   = "Sum"
    yAxis  = { left = { min = 0 } }
  }

  stream_widgets = flatten([
    for stream, names in var.streams : [
      merge(local.half, { properties = merge(local.time_series, {
        title = "${stream}: published and delivered"
        metrics = [
          ["AWS/IoT", "TopicMatch", "RuleName", names.topic_rule, { label = "published" }],
          ["AWS/Firehose", "DeliveryToS3.Records", "DeliveryStreamName", names.delivery_stream, { label = "delivered to the raw bucket" }],
          ["AWS/SQS", "NumberOfMessagesSent", "QueueName", names.queue, { label = "sent to the queue" }],
          ["AWS/SQS", "NumberOfMessagesDeleted", "QueueName", names.queue, { label = "drained from the queue" }],
        ]
      }) }),
      merge(local.half, { properties = merge(local.time_series, {
        title = "${stream}: waiting"
        stat  = "Maximum"
        metrics = [
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", names.queue, { label = "messages in the queue" }],
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", names.dead_letter_queue, { label = "dead letters" }],
          ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", names.queue, { label = "age of the oldest message", yAxis = "right" }],
          ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", names.delivery_stream, { label = "age of the oldest undelivered message", yAxis = "right" }],
        ]
        yAxis = { left = { min = 0, label = "messages" }, right = { min = 0, label = "seconds" } }
      }) }),
    ]
  ])

  load_widgets = [
    merge(local.half, { properties = merge(local.time_series, {
      title = "Executions"
      metrics = [
        for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"] :
        ["AWS/States", metric, "StateMachineArn", var.state_machine_arn, { label = lower(trimprefix(metric, "Executions")) }]
      ]
    }) }),
    merge(local.half, { properties = merge(local.time_series, {
      title  = "Closed days: unaccounted messages and failed checks"
      period = 86400
      stat   = "Maximum"
      metrics = [
        for alarm in var.alarms : concat(
          [alarm.namespace, alarm.metric],
          flatten([for name, value in alarm.dimensions : [name, value]]),
          [{ label = trimprefix(alarm.name, "${var.prefix}-") }],
        ) if contains(["unaccounted_messages", "failed_quality_checks"], alarm.runbook)
      ]
    }) }),
    merge(local.half, { properties = merge(local.time_series, {
      title   = "Functions: errors and throttles"
      metrics = concat([for metric in ["Errors", "Throttles"] : [for name in values(var.functions) : ["AWS/Lambda", metric, "FunctionName", name, { label = "${name}: ${lower(metric)}" }]]]...)
    }) }),
    merge(local.half, { properties = merge(local.time_series, {
      title   = "Functions: how long calls take"
      stat    = "p95"
      metrics = [for name in values(var.functions) : ["AWS/Lambda", "Duration", "FunctionName", name, { label = name }]]
      yAxis   = { left = { min = 0, label = "milliseconds" } }
    }) }),
  ]

  airflow_widgets = [
    for environment in var.airflow_environment[*] : [
      merge(local.half, { properties = merge(local.time_series, {
        title = "Airflow: the scheduler's heartbeats and failed tasks"
        metrics = [
          ["AmazonMWAA", "SchedulerHeartbeat", "Function", "Scheduler", "Environment", environment, { label = "heartbeats" }],
          ["AmazonMWAA", "TaskInstanceFailures", "DAG", "All", "Task", "All", "Environment", environment, { label = "failed tasks", yAxis = "right" }],
        ]
      }) }),
    ]
  ]

  warehouse_widgets = [
    for instance in var.warehouse[*].instance_id : [
      merge(local.half, { properties = merge(local.time_series, {
        title = "Database: processor and connections"
        stat  = "Average"
        metrics = [
          ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", instance, { label = "processor, percent" }],
          ["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", instance, { label = "connections", yAxis = "right" }],
        ]
      }) }),
      merge(local.half, { properties = merge(local.time_series, {
        title = "Database: storage, and credits of a burstable class"
        stat  = "Minimum"
        metrics = [
          ["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", instance, { label = "free storage, bytes" }],
          ["AWS/RDS", "CPUCreditBalance", "DBInstanceIdentifier", instance, { label = "processor credits", yAxis = "right" }],
        ]
      }) }),
    ]
  ]

  # An alarm widget shows at most a hundred alarms.
  alarm_widgets = [
    for number, arns in chunklist(concat(
      values(aws_cloudwatch_metric_alarm.this)[*].arn,
      values(aws_cloudwatch_metric_alarm.topic_rule)[*].arn,
      ), 100) : {
      type       = "alarm"
      width      = 24
      height     = 6
      properties = { title = "Alarms", alarms = arns }
    }
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.prefix}-telemetry"
  dashboard_body = jsonencode({
    widgets = concat(local.alarm_widgets, local.stream_widgets, local.load_widgets, flatten(local.airflow_widgets), flatten(local.warehouse_widgets))
  })
}
