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
  description = "ARN of the KMS key that encrypts the raw bucket, Firehose's buffer and the logs."
  type        = string
}

variable "raw_bucket" {
  description = "The raw bucket."
  type        = object({ name = string, arn = string })
}

variable "folders" {
  description = "The folders of the raw bucket, as the functions use them."
  type        = object({ raw = string, raw_errors = string, rule_errors = string })
}

variable "streams" {
  description = "Every stream's topic filter, the names of its resources, its rule's SQL, and where both lanes write."
  type = map(object({
    topic             = string
    topic_rule        = string
    sql               = string
    error_key         = string
    queue             = string
    dead_letter_queue = string
    delivery_stream   = string
    prefix            = string
    error_prefix      = string
  }))
}

variable "records" {
  description = "How rules and Firehose write records, so that the functions can read them."
  type        = object({ sql_version = string, separator = string, compression = string })
}

variable "firehose" {
  description = "`firehose` of the settings."
  type        = object({ buffer_seconds = number, buffer_megabytes = number })
}

variable "queue" {
  description = "`queue` of settings.yaml."
  type = object({
    visibility_timeout_seconds = number
    retention_seconds          = number
    max_receive_count          = number
    message_bytes_max          = number
  })
}

variable "things" {
  description = "Devices by thing name, each with its certificate signing request."
  type        = map(object({ csr = string }))
}

variable "gateways" {
  description = "Things that publish for many devices, in the same form, each with the topic filters to which it may listen."
  type        = map(object({ csr = string, listens_to = list(string) }))
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps Firehose's logs."
  type        = number
}

variable "iot_logging" {
  description = "Whether AWS IoT logs errors. This is a setting of the account and region."
  type        = bool
}
