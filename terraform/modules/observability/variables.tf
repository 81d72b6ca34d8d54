variable "prefix" {
  description = "Prefix of the names of all resources in this module."
  type        = string
}

variable "account" {
  description = "ID of the AWS account."
  type        = string
}

variable "region" {
  description = "Name of the AWS region."
  type        = string
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the alarm topic. CloudWatch must be allowed to use it."
  type        = string
}

variable "alarm_topic" {
  description = "Name of the SNS topic that alarms notify."
  type        = string
}

variable "alarm_emails" {
  description = "E-mail addresses that are notified of every alarm and of the budget. Each address has to confirm once."
  type        = set(string)
  default     = []
}

variable "alarms" {
  description = "The alarms of settings.yaml, for every stream or every lane of every stream, each with the name of its runbook."
  type = list(object({
    runbook        = string
    name           = string
    description    = string
    namespace      = string
    metric         = string
    dimensions     = map(string)
    statistic      = string
    comparison     = string
    threshold      = number
    period_seconds = number
    periods        = number
    missing_data   = string
  }))
}

variable "streams" {
  description = "The names of every stream's resources, by stream."
  type = map(object({
    queue             = string
    dead_letter_queue = string
    delivery_stream   = string
    topic_rule        = string
    error_key         = string
  }))
}

variable "functions" {
  description = "Names of the functions, by key in settings.yaml."
  type        = map(string)
}

variable "state_machine_arn" {
  description = "ARN of the state machine."
  type        = string
}

variable "warehouse" {
  description = "The database: its identifier and its initial storage. Null if this deployment has no database of its own."
  type        = object({ instance_id = string, allocated_storage_gib = number })
  default     = null
}

variable "runbooks_url" {
  description = "Base URL of the runbooks, for the link in every alarm's description."
  type        = string
  default     = "docs/runbooks"
}

variable "monthly_budget_usd" {
  description = "Monthly cost of the AWS account above which alarm_emails are notified. Null: no budget."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget_usd == null || try(var.monthly_budget_usd > 0, false)
    error_message = "monthly_budget_usd: write an amount above 0, or null for no budget."
  }

  validation {
    condition     = var.monthly_budget_usd == null || length(var.alarm_emails) > 0
    error_message = "monthly_budget_usd: a budget e-mails alarm_emails, which is empty. Name an address there, or no budget."
  }
}

variable "airflow_environment" {
  description = "Name of the MWAA environment. Null if this deployment has none."
  type        = string
  default     = null
}
