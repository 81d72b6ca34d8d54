# Every variable that is wrong is refused by its own rule. `make terraform-test` adds streams.json to the artefacts.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  artefacts_folder = "tests/artefacts"
}

run "each_by_itself" {
  command = plan

  variables {
    region             = "Ireland"
    composition        = "medium"
    log_retention_days = -1
    transition_days    = { standard_ia = 30, glacier_ir = 40 }
    things             = { "pump 1" = { csr = "-----BEGIN CERTIFICATE REQUEST-----" } }
    alarm_emails       = ["telemetry"]
    existing_network   = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], security_group_id = "sg-1" }
    database_address   = "warehouse.example.com"

    nat_gateways        = "two"
    github              = { repository = "https://github.com/acme/telemetry" }
    interface_endpoints = "some"
  }

  expect_failures = [
    var.region,
    var.composition,
    var.log_retention_days,
    var.transition_days,
    var.things,
    var.alarm_emails,
    var.existing_network,
    var.database_address,
    var.nat_gateways,
    var.github,
    var.interface_endpoints,
  ]
}

run "no_settings" {
  command         = plan
  expect_failures = [var.include_folder]

  variables {
    include_folder = "nowhere"
  }
}

run "nothing_was_packaged" {
  command         = plan
  expect_failures = [var.artefacts_folder]

  variables {
    artefacts_folder = "nowhere"
  }
}

run "against_the_settings_and_one_another" {
  command = plan

  variables {
    reserved_concurrency = { data_louding = 4 }
    monthly_budget_usd   = 100
    things               = { pump-1 = { csr = "-----BEGIN CERTIFICATE REQUEST-----" } }
    gateways             = { pump-1 = { csr = "-----BEGIN CERTIFICATE REQUEST-----" } }
    create_network       = false
    create_airflow       = true
    airflow_version      = "3.2.1"
    database_secret_arn  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:telemetry/warehouse-AbCdEf"
  }

  expect_failures = [
    var.reserved_concurrency,
    var.monthly_budget_usd,
    var.gateways,
    var.create_network,
    var.airflow_version,
    var.database_secret_arn,
  ]
}

run "no_database_no_signing_request_another_airflow" {
  command         = plan
  expect_failures = [var.database_secret_arn, var.gateways, var.airflow_version]

  variables {
    create_warehouse = false
    gateways         = { hall = { csr = "-----BEGIN PRIVATE KEY-----" } }
    create_airflow   = true
    airflow_version  = "3.0.6"
  }
}

run "listens_to_what_is_no_topic_filter" {
  command         = plan
  expect_failures = [var.gateways]

  variables {
    gateways = { hall = { csr = "-----BEGIN CERTIFICATE REQUEST-----", listens_to = ["$aws/things/#"] } }
  }
}

run "two_networks" {
  command         = plan
  expect_failures = [var.create_network]

  variables {
    create_network   = true
    existing_network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], security_group_id = "sg-1" }
  }
}
