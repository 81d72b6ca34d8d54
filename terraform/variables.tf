variable "region" {
  description = "AWS region of the deployment."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: write a region's name, such as eu-west-1."
  }
}

variable "composition" {
  description = "What is built, and how large: `minimal` (a cheap trial) or `production`."
  type        = string
  default     = "minimal"

  validation {
    condition     = contains(["minimal", "production"], var.composition)
    error_message = "composition: choose minimal or production."
  }
}

variable "tags" {
  description = "Tags of every resource that supports tags."
  type        = map(string)
  default     = {}
}

variable "include_folder" {
  description = "The folder with settings.yaml, streams/ and state_machines/."
  type        = string
  default     = "../include"

  validation {
    condition     = fileexists("${var.include_folder}/settings.yaml")
    error_message = "include_folder: there is no settings.yaml in ${var.include_folder}. Name the checkout's include/."
  }
}

variable "artefacts_folder" {
  description = "The output folder of `telemetry package`."
  type        = string
  default     = "../dist"

  validation {
    condition     = alltrue([for file in ["artefacts.json", "streams.json"] : fileexists("${var.artefacts_folder}/${file}")])
    error_message = "artefacts_folder: there is no package in ${var.artefacts_folder}, or only part of one. Run `make package`, then this again."
  }

  validation {
    condition = !fileexists("${var.artefacts_folder}/streams.json") || try(
      jsondecode(file("${var.artefacts_folder}/streams.json")).files == {
        for file in setunion(["settings.yaml"], fileset(var.include_folder, "streams/*.yaml")) :
        file => filesha256("${var.include_folder}/${file}")
      },
      false, # it is not such a file at all
    )
    error_message = "artefacts_folder: the package in ${var.artefacts_folder} is stale: settings.yaml or a stream's file in ${var.include_folder} has changed since. Run `make package`, then this again."
  }
}

variable "keep_data" {
  description = "Whether the warehouse and non-empty buckets are protected against destruction. Null: as the composition says."
  type        = bool
  default     = null
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps logs, and for which the access logs of the buckets are kept."
  type        = number
  default     = 365

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days: CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days. Choose one of these."
  }
}

variable "transition_days" {
  description = "Age in days at which raw and processed objects move to S3's colder storage classes, Standard-IA and Glacier Instant Retrieval."
  type        = object({ standard_ia = number, glacier_ir = number })
  default     = { standard_ia = 30, glacier_ir = 90 }

  validation {
    condition     = var.transition_days.standard_ia >= 30 && var.transition_days.glacier_ir >= var.transition_days.standard_ia + 30
    error_message = "transition_days: S3 takes objects into Standard-IA after 30 days at the earliest, and on from there 30 days later. Raise standard_ia to 30, and glacier_ir to 30 more than that."
  }
}

variable "reserved_concurrency" {
  description = "Reserved concurrency of the functions, by key in settings.yaml. A function without an entry uses the account's unreserved concurrency."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for function in keys(var.reserved_concurrency) : contains(keys(local.settings.functions), function)])
    error_message = "reserved_concurrency: name functions by their keys in settings.yaml: ${join(", ", keys(local.settings.functions))}."
  }
}

variable "simulator_enabled" {
  description = "Whether simulated devices publish. Null: as settings.yaml says."
  type        = bool
  default     = null
}

variable "things" {
  description = "Devices by thing name, each with its certificate signing request in PEM. A device publishes only for itself."
  type        = map(object({ csr = string }))
  default     = {}

  validation {
    condition = alltrue([
      for name, thing in var.things :
      can(regex("^[a-zA-Z0-9:_-]{1,128}$", name)) && strcontains(thing.csr, "BEGIN CERTIFICATE REQUEST")
    ])
    error_message = "things: a name has letters, digits, -, _ and : only, and csr is a signing request in PEM: `openssl req -new -newkey rsa:2048 -nodes -keyout NAME.key -subj /CN=NAME -out NAME.csr`, then write the text of NAME.csr as csr (docs/deploy.md, Choose)."
  }
}

variable "gateways" {
  description = "Things that publish for many devices, in the same form as things. `telemetry simulate` and `telemetry replay` connect as one of them. `telemetry stream new --topic FILTER` does so, too, if FILTER is in the gateway's listens_to."
  type        = map(object({ csr = string, listens_to = optional(list(string), []) }))
  default     = {}

  validation {
    condition = alltrue([
      for name, thing in var.gateways :
      can(regex("^[a-zA-Z0-9:_-]{1,128}$", name)) && strcontains(thing.csr, "BEGIN CERTIFICATE REQUEST")
    ])
    error_message = "gateways: write them as things."
  }

  validation {
    condition = alltrue([
      for topic_filter in flatten([for gateway in values(var.gateways) : gateway.listens_to]) :
      can(regex("^[^$].{0,255}$", topic_filter))
    ])
    error_message = "gateways: listens_to has topic filters, such as tele/+/SENSOR; * stands for any characters, and topics that begin with $ are AWS's own."
  }

  validation {
    condition     = length(setintersection(keys(var.gateways), keys(var.things))) == 0
    error_message = "gateways: a thing is a device or a gateway, not both. Take it out of one of things and gateways."
  }
}

variable "iot_logging" {
  description = "Whether AWS IoT logs errors that come before a topic rule's actions. It is a setting of the account and region: only one deployment there can make it. Null: as the composition says."
  type        = bool
  default     = null
}

variable "alarm_emails" {
  description = "E-mail addresses that are notified of every alarm. Each address has to confirm once."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "alarm_emails: write addresses, such as telemetry@example.com."
  }
}

variable "monthly_budget_usd" {
  description = "Monthly cost of the account above which alarm_emails are notified. Null: no budget."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget_usd == null || length(var.alarm_emails) > 0
    error_message = "monthly_budget_usd: nobody would be told. Name alarm_emails, too."
  }
}

variable "runbooks_url" {
  description = "Base URL of the runbooks, for the link in every alarm's description."
  type        = string
  default     = "docs/runbooks"
}

# Network, warehouse, Airflow and notebook: each is built, left out, or already exists.

variable "create_network" {
  description = "Whether a VPC is built. Null: as the composition says."
  type        = bool
  default     = null

  validation {
    condition = (
      var.create_network != false || var.existing_network != null ||
      !(local.create_warehouse || local.create_airflow || local.create_notebook)
    )
    error_message = "create_network: warehouse, Airflow and notebook need a VPC. Name existing_network, or set create_warehouse, create_airflow and create_notebook to false."
  }

  validation {
    condition     = !(coalesce(var.create_network, false) && var.existing_network != null)
    error_message = "create_network: there is an existing_network already. Set one of the two."
  }
}

variable "existing_network" {
  description = "An existing VPC: its private subnets, in at least two zones, and the security group for functions, MWAA and notebook. S3, SQS, Secrets Manager and CloudWatch must be reachable from the subnets."
  type        = object({ vpc_id = string, subnet_ids = list(string), security_group_id = string })
  default     = null

  validation {
    condition     = var.existing_network == null || try(length(var.existing_network.subnet_ids) >= 2, false)
    error_message = "existing_network: name private subnets in two zones at least."
  }
}

variable "network_cidr" {
  description = "CIDR block of the VPC that is built, from /16 to /20."
  type        = string
  default     = "10.20.0.0/16"
}

variable "zones" {
  description = "Names of the availability zones of the VPC that is built. Null: the first zones of the region, as many as the composition says."
  type        = list(string)
  default     = null
}

variable "nat_gateways" {
  description = "How the private subnets of the VPC that is built reach the internet: `none`, `one` (a NAT gateway in the first zone, for all zones) or `one_per_zone`. Null: as the composition says if MWAA or the notebook is built, else none. An Airflow that you run yourself in these subnets needs one, too."
  type        = string
  default     = null

  validation {
    condition     = var.nat_gateways == null || contains(["none", "one", "one_per_zone"], coalesce(var.nat_gateways, "none"))
    error_message = "nat_gateways: choose none, one or one_per_zone."
  }
}

variable "interface_endpoints" {
  description = "AWS services that the private subnets of the VPC that is built reach without a NAT gateway: `functions` (those that the functions call) or `all` (those that MWAA and the notebook call as well, so that only installations need a NAT gateway)."
  type        = string
  default     = "functions"

  validation {
    condition     = contains(["functions", "all"], var.interface_endpoints)
    error_message = "interface_endpoints: choose functions or all."
  }
}

variable "operator_cidrs" {
  description = "CIDR blocks of a VPN or a peered network from which people can reach the warehouse and Airflow's pages."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.operator_cidrs : can(cidrnetmask(cidr)) && cidr != "0.0.0.0/0"])
    error_message = "operator_cidrs: write blocks of addresses such as 10.8.0.0/24, and not the whole internet."
  }
}

variable "create_warehouse" {
  description = "Whether a PostgreSQL database on RDS is built. Null: as the composition says."
  type        = bool
  default     = null
}

variable "warehouse" {
  description = "Settings of the PostgreSQL database that is built, where they differ from the composition's: size, windows, version, and how changes are made (docs/deploy.md, The database)."
  type = object({
    engine_version            = optional(string, "18")
    instance_class            = optional(string)
    multi_az                  = optional(bool)
    allocated_storage_gib     = optional(number)
    max_allocated_storage_gib = optional(number)
    backup_retention_days     = optional(number)
    maintenance_window        = optional(string, "sun:03:00-sun:04:00")
    backup_window             = optional(string, "01:30-02:00")
    apply_immediately         = optional(bool, false)
    blue_green_update         = optional(bool, false)
  })
  default = {}
}

variable "snapshot_identifier" {
  description = "Snapshot that the PostgreSQL database is created from (docs/restore.md). Null: an empty database. It has no effect on a database that exists."
  type        = string
  default     = null
}

variable "database_secret_arn" {
  description = "ARN of the secret of an existing PostgreSQL database: JSON with username, password, host, port and dbname. It must be encrypted with Secrets Manager's own key."
  type        = string
  default     = null

  validation {
    condition     = local.create_warehouse != (var.database_secret_arn != null)
    error_message = "database_secret_arn: name it where create_warehouse is false, and only there."
  }

  validation {
    condition     = var.database_secret_arn == null || can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+", var.database_secret_arn))
    error_message = "database_secret_arn: write the whole ARN, as `aws secretsmanager describe-secret --secret-id NAME` shows it."
  }
}

variable "database_address" {
  description = "HOST:PORT/DATABASE of the existing PostgreSQL database, if its secret lacks them."
  type        = string
  default     = null

  validation {
    condition     = var.database_address == null || can(regex("^[^:/\\s]+:[0-9]+/[^:/\\s]+$", var.database_address))
    error_message = "database_address: write HOST:PORT/DATABASE, such as warehouse.example.com:5432/telemetry."
  }
}

variable "create_airflow" {
  description = "Whether an MWAA environment is built. Null: as the composition says."
  type        = bool
  default     = null
}

variable "airflow_version" {
  description = "Airflow version on MWAA. A package for another version is refused. Null: the version of the package."
  type        = string
  default     = null

  validation {
    condition     = !local.create_airflow || var.airflow_version == null || try(local.artefacts.airflow.version == var.airflow_version, true)
    error_message = "airflow_version: the package is for Airflow ${try(local.artefacts.airflow.version, "of another version")}. Run `make package PACKAGE=\"--airflow ${coalesce(var.airflow_version, "VERSION")}\"`, then this again."
  }
}

variable "airflow_access" {
  description = "PRIVATE_ONLY: Airflow's pages are reachable only from the VPC and operator_cidrs. PUBLIC_ONLY: from everywhere, with IAM sign-in."
  type        = string
  default     = "PRIVATE_ONLY"

  validation {
    condition     = contains(["PRIVATE_ONLY", "PUBLIC_ONLY"], var.airflow_access)
    error_message = "airflow_access: choose PRIVATE_ONLY or PUBLIC_ONLY."
  }
}

variable "airflow_environment_class" {
  description = "Size of MWAA's containers, such as mw1.small."
  type        = string
  default     = "mw1.small"
}

variable "create_notebook" {
  description = "Whether a SageMaker notebook instance is built. Null: as the composition says."
  type        = bool
  default     = null
}

variable "quicksight_user_arn" {
  description = "ARN of the QuickSight user who owns a data source on the lake. Null: no data source."
  type        = string
  default     = null
}

variable "github" {
  description = "GitHub repository (OWNER/NAME) whose workflow plans pull requests and applies tags, and the ARN of the account's OpenID Connect provider for GitHub if it has one (docs/deploy.md, From GitHub). Null: none."
  type        = object({ repository = string, provider_arn = optional(string) })
  default     = null

  validation {
    condition     = var.github == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github.repository))
    error_message = "github: write the repository as OWNER/NAME, such as acme/telemetry."
  }
}
