variable "prefix" {
  description = "Begins the names of what is made here."
  type        = string
}

variable "account" {
  description = "Id of the AWS account."
  type        = string
}

variable "region" {
  description = "Name of the AWS region."
  type        = string
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts objects, logs, secrets and the alarm topic."
  type        = string
}

variable "functions" {
  description = "`functions` of the settings."
  type        = map(object({ name = string, memory_megabytes = number, timeout_seconds = number }))
}

variable "layer_name" {
  description = "Name of the layer."
  type        = string
}

variable "artefacts" {
  description = "What `telemetry package` made for Lambda: the Python version, and paths below artefacts_folder that name their content."
  type        = object({ python = string, layer = string, functions = map(string) })
}

variable "artefacts_folder" {
  description = "The folder that `telemetry package` filled."
  type        = string
}

variable "artefact_bucket" {
  description = "The bucket of function zips and layers."
  type        = object({ name = string, arn = string })
}

variable "environment" {
  description = "The functions' environment variables."
  type        = map(string)
}

variable "network" {
  description = "Where in a VPC the functions run that use the warehouse or the lake. Null: in none."
  type        = object({ subnet_ids = list(string), security_group_id = string })
}

variable "reserved_concurrency" {
  description = "How many of a function may run at once, by its key in the settings. Without an entry: what the account has left."
  type        = map(number)
}

variable "raw_bucket" {
  description = "The raw bucket."
  type        = object({ name = string, arn = string })
}

variable "processed_bucket" {
  description = "The processed bucket."
  type        = object({ name = string, arn = string })
}

variable "folders" {
  description = "The folders of both lake buckets, as the functions name them."
  type        = object({ raw = string, queue = string, processed = string, quarantine = string, manifests = string })
}

variable "queue_arns" {
  description = "ARNs of the queues."
  type        = list(string)
}

variable "dead_letter_queue_arns" {
  description = "ARNs of the dead-letter queues."
  type        = list(string)
}

variable "simulator_topic" {
  description = "Topic filter of the stream that the simulator publishes on."
  type        = string
}

variable "metric_namespace" {
  description = "CloudWatch namespace of what a closed day tells."
  type        = string
}

variable "database_secret_arn" {
  description = "ARN of the warehouse's secret."
  type        = string
}

variable "state_machine" {
  description = "Name of the state machine, and the file with its definition."
  type        = object({ name = string, definition_file = string })
}

variable "alarm_topic_arn" {
  description = "ARN of the SNS topic that a failed load is told to."
  type        = string
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the logs."
  type        = number
}
