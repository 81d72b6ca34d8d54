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

variable "airflow_version" {
  description = "Airflow version, one that MWAA offers."
  type        = string
}

variable "artefacts" {
  description = "What `telemetry package` built for Airflow: paths under artefacts_folder. The names of plugins, requirements and startup contain a hash of the content."
  type = object({
    plugins      = string
    requirements = string
    startup      = string
    dags         = list(string)
  })
}

variable "artefacts_folder" {
  description = "The output folder of `telemetry package`."
  type        = string
}

variable "environment_class" {
  description = "Size of the environment's containers."
  type        = string
  default     = "mw1.small"

  validation {
    condition     = can(regex("^mw1\\.(micro|small|medium|large|xlarge|2xlarge)$", var.environment_class))
    error_message = "environment_class: choose mw1.micro, mw1.small, mw1.medium, mw1.large, mw1.xlarge or mw1.2xlarge."
  }
}

variable "min_workers" {
  description = "Workers that always run. Tasks wait in the triggerer, so one is enough for a few streams."
  type        = number
  default     = 1
}

variable "max_workers" {
  description = "Workers that MWAA may run when many tasks are queued, such as in a backfill. mw1.micro supports only 1."
  type        = number
  default     = 4

  validation {
    condition     = var.max_workers >= var.min_workers && (var.environment_class != "mw1.micro" || var.max_workers == 1)
    error_message = "max_workers: make it min_workers at least; mw1.micro has exactly 1."
  }
}

variable "webserver_access_mode" {
  description = "PRIVATE_ONLY: Airflow's pages are reachable only from the VPC. PUBLIC_ONLY: from everywhere, with IAM sign-in."
  type        = string
  default     = "PRIVATE_ONLY"

  validation {
    condition     = contains(["PRIVATE_ONLY", "PUBLIC_ONLY"], var.webserver_access_mode)
    error_message = "webserver_access_mode: choose PRIVATE_ONLY or PUBLIC_ONLY."
  }
}

variable "subnet_ids" {
  description = "IDs of private subnets in different availability zones. MWAA uses exactly two, the first ones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids: MWAA needs two private subnets, in two availability zones."
  }
}

variable "security_group_ids" {
  description = "IDs of the environment's security groups, which must allow traffic from themselves on ports 443 and 5432."
  type        = list(string)
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the environment, its bucket and its logs, and the database's secret."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps Airflow's logs."
  type        = number
}

variable "state_machine_arn" {
  description = "ARN of the state machine that the DAGs start."
  type        = string
}

variable "quality_function_arn" {
  description = "ARN of the function that closes a day."
  type        = string
}

variable "raw_bucket_arn" {
  description = "ARN of the raw bucket, whose objects the sensors list."
  type        = string
}

variable "queue_arns" {
  description = "ARNs of the queues, whose depth the sensors read."
  type        = list(string)
}

variable "database_secret_arn" {
  description = "ARN of the warehouse's secret."
  type        = string
}

variable "environment_parameter_arn" {
  description = "ARN of the SSM parameter from which the startup script reads the deployment's environment variables."
  type        = string
}
