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

variable "cidr" {
  description = "CIDR block of the VPC, from /16 to /20. Each zone gets a sixteenth of it for its private subnet."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr)[1]), 99) <= 20
    error_message = "cidr: write the VPC's addresses as a /16 to /20, such as 10.20.0.0/16."
  }
}

variable "zones" {
  description = "Names of the availability zones; each gets a private subnet. RDS needs at least two, MWAA uses the first two."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 8
    error_message = "zones: name two availability zones at least and eight at most, such as [\"eu-west-1a\", \"eu-west-1b\"]."
  }
}

variable "nat_gateways" {
  description = "The private subnets' way to the internet: `none`, `one` for all zones, or `one_per_zone`. MWAA and the notebook need it to install packages, an Airflow that you run yourself needs it to reach AWS."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "one", "one_per_zone"], var.nat_gateways)
    error_message = "nat_gateways: choose none, one or one_per_zone."
  }
}

variable "interface_endpoints" {
  description = "AWS services that the private subnets can reach without the internet, as in com.amazonaws.<region>.<service>."
  type        = set(string)
}

variable "endpoints_in_every_zone" {
  description = "Whether interface endpoints are in every zone, or only in the first one, which costs less."
  type        = bool
  default     = true
}

variable "operator_cidrs" {
  description = "CIDR blocks of a VPN or a peered network from which people can open Airflow's pages if these are private."
  type        = set(string)
  default     = []
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts the flow logs."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps the flow logs."
  type        = number
}
