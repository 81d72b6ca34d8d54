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
  description = "ARN of the KMS key that encrypts objects and query results."
  type        = string
}

variable "folders" {
  description = "The folders of both lake buckets, as the functions use them."
  type = object({
    raw         = string
    queue       = string
    processed   = string
    quarantine  = string
    manifests   = string
    raw_errors  = string
    rule_errors = string
  })
}

variable "streams" {
  description = "Every stream: the days for which its objects are kept (null: forever), and its Glue tables by name, each with the folder of its objects, the path of a partition in it, and the columns."
  type = map(object({
    lake_days = number
    tables = map(object({
      description = string
      format      = string
      folder      = string
      partitions  = string
      columns     = list(object({ name = string, type = string }))
    }))
  }))
}

variable "lanes" {
  description = "The values of the partition key `lane`."
  type        = list(string)
}

variable "transition_days" {
  description = "Age in days at which raw and processed objects move to S3's colder storage classes."
  type        = object({ standard_ia = number, glacier_ir = number })
}

variable "log_retention_days" {
  description = "Days for which access logs are kept."
  type        = number
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes buckets that hold objects."
  type        = bool
}
