variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts its objects; null: S3's own key."
  type        = string
  default     = null
}

variable "policies" {
  description = "Policy documents whose statements its policy has besides that it is reached over TLS alone."
  type        = list(string)
  default     = []
}

variable "access_logs" {
  description = "The bucket that its access logs go to, and how their names begin; null: none."
  type        = object({ bucket = string, prefix = string })
  default     = null
}

variable "colder_after_days" {
  description = "Age in days at which objects go to S3's colder storage classes, by prefix."
  type        = map(object({ standard_ia = number, glacier_ir = number }))
  default     = {}
}

variable "expired_after_days" {
  description = "Age in days at which objects are deleted, by prefix."
  type        = map(number)
  default     = {}
}

variable "force_destroy" {
  description = "Whether destroying deletes it with the objects in it."
  type        = bool
}
