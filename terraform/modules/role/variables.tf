variable "name" {
  description = "Name of the role."
  type        = string
}

variable "description" {
  description = "What the role is for."
  type        = string
}

variable "account" {
  description = "ID of the AWS account."
  type        = string
}

variable "services" {
  description = "The AWS services that may assume the role."
  type        = list(string)
}

variable "source_arns" {
  description = "Patterns of the resources for which they may assume it. Empty: all resources of the account."
  type        = list(string)
  default     = []
}

variable "policies" {
  description = "What the role may do: policy documents by name."
  type        = map(string)
  default     = {}
}

variable "managed_policy_arns" {
  description = "ARNs of AWS managed policies that are attached as well."
  type        = set(string)
  default     = []
}
