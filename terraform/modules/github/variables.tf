variable "prefix" {
  description = "Prefix of the names of the roles."
  type        = string
}

variable "repository" {
  description = "The repository, as OWNER/NAME."
  type        = string
}

variable "provider_arn" {
  description = "ARN of the account's OpenID Connect provider for GitHub. Null: it is created."
  type        = string
  default     = null
}
