# Alarms on what only AWS measures: functions, executions, Firehose, RDS, MWAA.

locals {
  function_alarms = flatten([
    for name in values(var.functions) : [
      {
        runbook     = "function_errors"
        name        = "${var.prefix}-${name}-errors"
        description = "${name} fails again and again. Its log says why."
        namespace   = "AWS/Lambda"
        metric      = "Errors"
        dimensions  = { FunctionName = name }
        statistic   = "Sum"
        comparison  = "GreaterThanThreshold"
        # Every call is retried, so a call that never succeeds fails more often than this. A single failure needs no attention.
        threshold      = 2
        period_seconds = 300
        periods        = 1
        missing_data   = "notBreaching"
      },
      {
        runbook        = "function_throttles"
        name           = "${var.prefix}-${name}-throttles"
        description    = "Calls of ${name} are refused all the time: too many functions of this account run at once."
        namespace      = "AWS/Lambda"
        metric         = "Throttles"
        dimensions     = { FunctionName = name }
        statistic      = "Sum"
        comparison     = "GreaterThanThreshold"
        threshold      = 0
        period_seconds = 300
        periods        = 3 # a refused call is retried for minutes
        missing_data   = "notBreaching"
      },
    ]
  ])

  execution_alarms = [
    for metric, alarm in {
      ExecutionsFailed   = { runbook = "executions_failed", description = "A load failed. `telemetry loads` says which, and why." }
      ExecutionsTimedOut = { runbook = "executions_timed_out", description = "A load exceeded its time limit and timed out. `telemetry loads` says which." }
      ExecutionsAborted  = { runbook = "executions_aborted", description = "Somebody stopped a load's execution. `telemetry loads` says which." }
      } : {
      runbook        = alarm.runbook
      name           = "${var.prefix}-${replace(alarm.runbook, "_", "-")}"
      description    = alarm.description
      namespace      = "AWS/States"
      metric         = metric
      dimensions     = { StateMachineArn = var.state_machine_arn }
      statistic      = "Sum"
      comparison     = "GreaterThanThreshold"
      threshold      = 0
      period_seconds = 300
      periods        = 1
      missing_data   = "notBreaching"
    }
  ]

  delivery_alarms = flatten([
    for stream, names in var.streams : [
      {
        runbook        = "delivery_freshness"
        name           = "${var.prefix}-${stream}-delivery-freshness"
        description    = "Firehose has held messages for a quarter of an hour without delivering them to the raw bucket."
        namespace      = "AWS/Firehose"
        metric         = "DeliveryToS3.DataFreshness"
        dimensions     = { DeliveryStreamName = names.delivery_stream }
        statistic      = "Maximum"
        comparison     = "GreaterThanThreshold"
        threshold      = 900 # seconds, the longest that a buffer may hold a message
        period_seconds = 300
        periods        = 1
        missing_data   = "notBreaching"
      },
      {
        runbook        = "delivery_success"
        name           = "${var.prefix}-${stream}-delivery-success"
        description    = "Firehose cannot write to the raw bucket. It retries for a day; then the messages of this lane are lost."
        namespace      = "AWS/Firehose"
        metric         = "DeliveryToS3.Success"
        dimensions     = { DeliveryStreamName = names.delivery_stream }
        statistic      = "Average"
        comparison     = "LessThanThreshold"
        threshold      = 1
        period_seconds = 300
        periods        = 3
        missing_data   = "notBreaching"
      },
    ]
  ])

  warehouse_alarms = var.warehouse == null ? [] : [
    {
      runbook     = "database_storage"
      name        = "${var.prefix}-database-storage"
      description = "For half an hour the database's free storage has been less than a tenth of its initial storage, although RDS should have extended it."
      namespace   = "AWS/RDS"
      metric      = "FreeStorageSpace"
      dimensions  = { DBInstanceIdentifier = var.warehouse.instance_id }
      statistic   = "Minimum"
      comparison  = "LessThanThreshold"
      # A tenth of the initial storage, in bytes: the configuration does not show by how much RDS extended it.
      threshold      = var.warehouse.allocated_storage_gib * pow(1024, 3) / 10
      period_seconds = 300
      periods        = 6
      missing_data   = "notBreaching"
    },
    {
      runbook        = "database_cpu"
      name           = "${var.prefix}-database-cpu"
      description    = "The database's processor has been busy for half an hour. A burstable instance class then costs extra."
      namespace      = "AWS/RDS"
      metric         = "CPUUtilization"
      dimensions     = { DBInstanceIdentifier = var.warehouse.instance_id }
      statistic      = "Average"
      comparison     = "GreaterThanThreshold"
      threshold      = 90 # percent
      period_seconds = 300
      periods        = 6
      missing_data   = "notBreaching"
    },
  ]
  # Amazon MWAA user guide, "Apache Airflow environment metrics in CloudWatch".
  airflow_alarms = var.airflow_environment == null ? [] : [
    {
      runbook        = "airflow_heartbeat"
      name           = "${var.prefix}-airflow-heartbeat"
      description    = "Airflow's scheduler has given no sign of life for 15 minutes: nothing is loaded."
      namespace      = "AmazonMWAA"
      metric         = "SchedulerHeartbeat"
      dimensions     = { Function = "Scheduler", Environment = var.airflow_environment }
      statistic      = "Sum"
      comparison     = "LessThanThreshold"
      threshold      = 1
      period_seconds = 300
      periods        = 3
      missing_data   = "breaching"
    },
    {
      runbook        = "airflow_task_failures"
      name           = "${var.prefix}-airflow-task-failures"
      description    = "Tasks of Airflow fail, also after their retries. Airflow's pages say which."
      namespace      = "AmazonMWAA"
      metric         = "TaskInstanceFailures"
      dimensions     = { DAG = "All", Task = "All", Environment = var.airflow_environment }
      statistic      = "Sum"
      comparison     = "GreaterThanThreshold"
      threshold      = 3 # a task that is retried fails several times in a row
      period_seconds = 3600
      periods        = 1
      missing_data   = "notBreaching"
    },
  ]
}
