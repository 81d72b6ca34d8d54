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
