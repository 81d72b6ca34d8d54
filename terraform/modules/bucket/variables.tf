variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts its objects. Null: S3's own key."
  type        = string
  default     = null
}

variable "policies" {
  description = "Policy documents whose statements are added to the bucket's policy, which allows only TLS."
  type        = list(string)
  default     = []
}

variable "access_logs" {
  description = "The bucket for its access logs, and the prefix of their names. Null: no access logs."
  type        = object({ bucket = string, prefix = string })
  default     = null
}

variable "colder_after_days" {
  description = "Age in days at which objects move to S3's colder storage classes, by prefix."
  type        = map(object({ standard_ia = number, glacier_ir = number }))
  default     = {}
}

variable "expired_after_days" {
  description = "Age in days at which objects are deleted, by prefix."
  type        = map(number)
  default     = {}
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes the bucket with the objects in it."
  type        = bool
}
