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

variable "cidr" {
  description = "Addresses of the VPC: a /16 to /20, of which every zone takes a sixteenth for its private subnet."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr)[1]), 99) <= 20
    error_message = "cidr: write the VPC's addresses as a /16 to /20, such as 10.20.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones, by name; a private subnet in each. RDS needs two at least, MWAA takes the first two."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 8
    error_message = "zones: name two availability zones at least and eight at most, such as [\"eu-west-1a\", \"eu-west-1b\"]."
  }
}

variable "nat_gateway" {
  description = "Whether the private subnets reach the internet through a NAT gateway. MWAA and the notebook need it to install what they do, an Airflow of one's own to reach AWS."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "AWS services that the private subnets reach without the internet, as in com.amazonaws.<region>.<service>. The functions call the three of the default."
  type        = set(string)
  default     = ["monitoring", "secretsmanager", "sqs"]
}

variable "endpoints_in_every_zone" {
  description = "Whether interface endpoints stand in every zone, or in the first alone at a part of the price."
  type        = bool
  default     = true
}

variable "operator_cidrs" {
  description = "Addresses, of a VPN or a peered network, from which people open Airflow's pages where these are private."
  type        = set(string)
  default     = []
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the flow logs."
  type        = string
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the flow logs."
  type        = number
}
