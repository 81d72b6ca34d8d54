# Two compositions: what each builds, and how large. Variables override them.

locals {
  compositions = {
    minimal = { # a cheap trial: no Airflow on AWS, one small database, endpoints in one zone, removed by `terraform destroy`
      create_network          = true
      create_warehouse        = true
      create_airflow          = false
      create_notebook         = false
      keep_data               = false
      zones                   = 2
      endpoints_in_every_zone = false
      nat_gateways            = "one"
      iot_logging             = false
      warehouse = {
        instance_class            = "db.t4g.micro"
        multi_az                  = false
        allocated_storage_gib     = 20
        max_allocated_storage_gib = 100
        backup_retention_days     = 1
      }
    }
    production = {
      create_network          = true
      create_warehouse        = true
      create_airflow          = true
      create_notebook         = true
      keep_data               = true
      zones                   = 3
      endpoints_in_every_zone = true
      nat_gateways            = "one_per_zone"
      iot_logging             = true
      warehouse = {
        instance_class            = "db.m7g.large"
        multi_az                  = true
        allocated_storage_gib     = 100
        max_allocated_storage_gib = 1000
        backup_retention_days     = 14
      }
    }
  }
  composition = local.compositions[var.composition]

  create_network   = var.existing_network == null && coalesce(var.create_network, local.composition.create_network)
  create_warehouse = coalesce(var.create_warehouse, local.composition.create_warehouse)
  create_airflow   = coalesce(var.create_airflow, local.composition.create_airflow)
  create_notebook  = coalesce(var.create_notebook, local.composition.create_notebook)
  keep_data        = coalesce(var.keep_data, local.composition.keep_data)

  warehouse = merge(local.composition.warehouse, { for setting, value in var.warehouse : setting => value if value != null })

  nat_gateways = coalesce(var.nat_gateways, local.create_airflow || local.create_notebook ? local.composition.nat_gateways : "none")

  # The services that the functions' roles call, and all that the roles of everything in the network call
  # (tests/terraform/test_endpoints.py derives both from the code). S3 has a gateway endpoint, which is free.
  interface_endpoints = {
    functions = ["monitoring", "secretsmanager", "sqs"]
    all       = ["airflow.env", "kms", "lambda", "logs", "monitoring", "secretsmanager", "sqs", "ssm", "states"]
  }
}
