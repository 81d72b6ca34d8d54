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

variable "vpc_id" {
  description = "Id of the VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Ids of private subnets, in two availability zones at least."
  type        = list(string)
}

variable "client_security_group_ids" {
  description = "Ids of the security groups from which the database takes connections. Nobody else gets through, but operator_cidrs."
  type        = list(string)
}

variable "operator_cidrs" {
  description = "Addresses, of a VPN or a peered network, from which people reach the database, such as with `telemetry status`."
  type        = set(string)
  default     = []
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts storage, snapshots, logs, the master user's secret and Performance Insights."
  type        = string
}

variable "engine_version" {
  description = "PostgreSQL's major version, such as 18; RDS takes its newest minor version and upgrades it in the maintenance window."
  type        = string
  default     = "18"

  validation {
    condition     = can(regex("^[0-9]+$", var.engine_version)) && try(tonumber(var.engine_version), 0) >= 15
    error_message = "engine_version: write a major version alone, 15 or later, such as \"18\"."
  }
}

variable "instance_class" {
  description = "RDS instance class."
  type        = string
}

variable "multi_az" {
  description = "Whether a standby in another availability zone takes over when the instance fails."
  type        = bool
}

variable "allocated_storage_gib" {
  description = "Storage to begin with, in GiB."
  type        = number

  validation {
    condition     = var.allocated_storage_gib >= 20
    error_message = "allocated_storage_gib: gp3 storage begins at 20 GiB."
  }
}

variable "max_allocated_storage_gib" {
  description = "Up to how many GiB RDS may extend the storage by itself."
  type        = number

  validation {
    condition     = var.max_allocated_storage_gib >= var.allocated_storage_gib * 1.1
    error_message = "max_allocated_storage_gib: make it a tenth more than allocated_storage_gib at least, or RDS refuses it."
  }
}

variable "deletion_protection" {
  description = "Whether the database refuses to be deleted."
  type        = bool
}

variable "final_snapshot" {
  description = "Whether a database that is deleted leaves a last snapshot. Its automated backups go with it in any case."
  type        = bool
  default     = true
}

variable "backup_retention_days" {
  description = "Days that automated backups are kept: back to any second of them the database can be restored."
  type        = number

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "backup_retention_days: RDS keeps automated backups for 1 to 35 days."
  }
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the database's logs."
  type        = number
}
