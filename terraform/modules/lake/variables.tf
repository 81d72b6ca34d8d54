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
  description = "ARN of the KMS key that encrypts objects and query results."
  type        = string
}

variable "folders" {
  description = "The folders of both lake buckets, as the functions name them."
  type        = object({ raw = string, processed = string, manifests = string })
}

variable "streams" {
  description = "Every stream's Glue tables by their name: the folder with the objects, the path of a partition in it, and the columns."
  type = map(object({
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
  description = "Age in days at which raw and processed objects go to S3's colder storage classes."
  type        = object({ standard_ia = number, glacier_ir = number })
}

variable "log_retention_days" {
  description = "Days that access logs are kept."
  type        = number
}

variable "force_destroy" {
  description = "Whether destroying deletes buckets that hold objects."
  type        = bool
}
