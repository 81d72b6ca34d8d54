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

variable "create_notebook" {
  description = "Whether a notebook instance is built."
  type        = bool
  default     = true
}

variable "notebook_file" {
  description = "Path of the notebook that is installed on the instance."
  type        = string
}

variable "subnet_id" {
  description = "ID of a private subnet. Null without a notebook."
  type        = string
  default     = null
}

variable "security_group_ids" {
  description = "IDs of the notebook's security groups."
  type        = list(string)
  default     = []
}

variable "instance_type" {
  description = "SageMaker instance type of the notebook."
  type        = string
  default     = "ml.t3.medium"
}

variable "platform_identifier" {
  description = "SageMaker platform of the notebook. Null: the newest one, whose name provider 5.x does not know."
  type        = string
  default     = null
}

variable "volume_gib" {
  description = "Size of the notebook's disk, in GiB."
  type        = number
  default     = 20
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the lake and the notebook's disk."
  type        = string
}

variable "raw_bucket" {
  description = "The raw bucket."
  type        = object({ name = string, arn = string })
}

variable "processed_bucket" {
  description = "The processed bucket."
  type        = object({ name = string, arn = string })
}

variable "artefact_bucket" {
  description = "The bucket from which the instance copies its notebook."
  type        = object({ name = string, arn = string })
}

variable "athena_workgroup" {
  description = "Name of the Athena workgroup that QuickSight uses."
  type        = string
}

variable "quicksight_user_arn" {
  description = "ARN of the QuickSight user who owns the Athena data source. Null: no data source."
  type        = string
  default     = null

  validation {
    condition     = var.quicksight_user_arn == null || can(regex("^arn:aws[a-z-]*:quicksight:[a-z0-9-]+:[0-9]{12}:user/.+", var.quicksight_user_arn))
    error_message = "quicksight_user_arn: write a user's ARN, as `aws quicksight list-users` shows it, or null."
  }
}
