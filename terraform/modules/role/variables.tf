variable "name" {
  description = "Name of the role."
  type        = string
}

variable "description" {
  description = "What the role is for."
  type        = string
}

variable "account" {
  description = "Id of the AWS account."
  type        = string
}

variable "services" {
  description = "The AWS services that take the role on."
  type        = list(string)
}

variable "source_arns" {
  description = "Patterns of the resources that they take it on for; none: any of the account's."
  type        = list(string)
  default     = []
}

variable "policies" {
  description = "What the role may do: policy documents by their names."
  type        = map(string)
  default     = {}
}

variable "managed_policy_arns" {
  description = "ARNs of policies of AWS's own that hold for the role too."
  type        = set(string)
  default     = []
}
