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
}
