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

variable "vpc_id" {
  description = "ID of the VPC."
  type        = string
}

variable "subnet_ids" {
  description = "IDs of private subnets, in at least two availability zones."
  type        = list(string)
}

variable "client_security_group_ids" {
  description = "IDs of the security groups from which the database accepts connections. Only operator_cidrs can connect as well."
  type        = list(string)
}

variable "operator_cidrs" {
  description = "CIDR blocks of a VPN or a peered network from which people can reach the database, for example with `telemetry status`."
  type        = set(string)
  default     = []
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts logs, the master user's secret and Performance Insights."
  type        = string
}

variable "engine_version" {
  description = "PostgreSQL's major version, such as 18. RDS uses the newest minor version and upgrades it in the maintenance window."
  type        = string

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
  description = "Initial storage in GiB."
  type        = number

  validation {
    condition     = var.allocated_storage_gib >= 20
    error_message = "allocated_storage_gib: gp3 storage begins at 20 GiB."
  }
}

variable "max_allocated_storage_gib" {
  description = "Size in GiB up to which RDS may extend the storage by itself."
  type        = number

  validation {
    condition     = var.max_allocated_storage_gib >= var.allocated_storage_gib * 1.1
    error_message = "max_allocated_storage_gib: make it a tenth more than allocated_storage_gib at least, or RDS refuses it."
  }
}

variable "deletion_protection" {
  description = "Whether the database is protected against deletion."
  type        = bool
}

variable "final_snapshot" {
  description = "Whether a last snapshot is taken when the database is deleted. Its automated backups are deleted in any case."
  type        = bool
  default     = true
}

variable "snapshot_identifier" {
  description = "Snapshot that the database is created from. Null: an empty database. It has no effect on a database that exists."
  type        = string
  default     = null
}

variable "backup_retention_days" {
  description = "Days for which automated backups are kept. The database can be restored to any second of this period."
  type        = number

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "backup_retention_days: RDS keeps automated backups for 1 to 35 days."
  }
}

variable "maintenance_window" {
  description = "Weekly window in UTC for patches and for changes that need a restart, such as `sun:03:00-sun:04:00`."
  type        = string

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]$", var.maintenance_window))
    error_message = "maintenance_window: write ddd:hh:mm-ddd:hh:mm in UTC, such as sun:03:00-sun:04:00."
  }
}

variable "backup_window" {
  description = "Daily window in UTC for backups, such as `01:30-02:00`. It must not overlap the maintenance window."
  type        = string

  validation {
    condition     = can(regex("^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", var.backup_window))
    error_message = "backup_window: write hh:mm-hh:mm in UTC, such as 01:30-02:00."
  }
}

variable "apply_immediately" {
  description = "Whether changes are made at once, also those that restart the database. Otherwise they wait for the maintenance window."
  type        = bool
}

variable "blue_green_update" {
  description = "Whether changes that would take the database away for long, such as a major upgrade, are made on a copy that then takes over."
  type        = bool
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps the database's logs."
  type        = number
}
