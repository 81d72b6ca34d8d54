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
  description = "ARN of the KMS key that encrypts objects, logs, secrets and the alarm topic."
  type        = string
}

variable "functions" {
  description = "`functions` of settings.yaml."
  type        = map(object({ name = string, memory_megabytes = number, timeout_seconds = number }))
}

variable "layer_name" {
  description = "Name of the layer."
  type        = string
}

variable "artefacts" {
  description = "What `telemetry package` built for Lambda: the Python version, and paths under artefacts_folder, whose names contain a hash of the content."
  type        = object({ python = string, layer = string, functions = map(string) })
}

variable "artefacts_folder" {
  description = "The output folder of `telemetry package`."
  type        = string
}

variable "artefact_bucket" {
  description = "The bucket for function zips and layers."
  type        = object({ name = string, arn = string })
}

variable "environment" {
  description = "The functions' environment variables."
  type        = map(string)
}

variable "network" {
  description = "The VPC in which functions run that use the warehouse or the lake. Null: they run outside a VPC."
  type        = object({ subnet_ids = list(string), security_group_id = string })
}

variable "reserved_concurrency" {
  description = "Reserved concurrency of the functions, by key in settings.yaml. A function without an entry uses the account's unreserved concurrency."
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
  description = "The folders of both lake buckets, as the functions use them."
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
  description = "Topic filter of the stream to which the simulator publishes."
  type        = string
}

variable "metric_namespace" {
  description = "CloudWatch namespace of the metrics that closing a day publishes."
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
  description = "ARN of the SNS topic that a failed load notifies."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps the logs."
  type        = number
}
