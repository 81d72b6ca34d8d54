# What each composition builds. `make terraform-test` adds streams.json to the artefacts.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  artefacts_folder = "tests/artefacts"
}

run "minimal" {
  command = plan

  assert {
    condition     = length(module.network) == 1 && length(module.warehouse) == 1 && length(module.orchestration) == 0
    error_message = "minimal has a network and a warehouse, and no MWAA."
  }

  assert {
    condition     = output.notebook_url == null && output.airflow_url == null
    error_message = "minimal has no notebook and no Airflow."
  }

  assert {
    condition     = toset(keys(output.queue_urls)) == toset([for file in fileset("../include/streams", "*.yaml") : trimsuffix(file, ".yaml")])
    error_message = "Every stream has a queue."
  }

  assert {
    condition = length(module.observability.alarm_names) == length(local.checked.alarms) + sum([
      for kind, alarms in yamldecode(file("../include/cost/usage.yaml")).alarms :
      alarms * { stream = length(local.streams), function = length(local.settings.functions), state_machine = 1, database = 1, airflow = 0 }[kind]
    ])
    error_message = "The cost estimate has as many alarms: alarms in include/cost/usage.yaml."
  }

  assert {
    condition     = output.raw_bucket == "iot-raw-lake-123456789012-eu-west-1"
    error_message = "A bucket's name says whose it is."
  }
}

run "production" {
  command = plan

  variables {
    composition        = "production"
    alarm_emails       = ["telemetry@example.com"]
    monthly_budget_usd = 500
    things             = { pump-1 = { csr = "-----BEGIN CERTIFICATE REQUEST-----" } }
    gateways           = { hall = { csr = "-----BEGIN CERTIFICATE REQUEST-----", listens_to = ["tele/+/SENSOR"] }, yard = { csr = "-----BEGIN CERTIFICATE REQUEST-----" } }
  }

  assert {
    condition     = length(module.network) == 1 && length(module.warehouse) == 1 && length(module.orchestration) == 1
    error_message = "production has a network, a warehouse and MWAA."
  }

  assert {
    condition     = output.airflow_bucket != null
    error_message = "production has a bucket for Airflow."
  }
}

run "in_a_network_that_is_there" {
  command = plan

  expect_failures = [check.somebody_is_notified]

  variables {
    composition      = "production"
    existing_network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], security_group_id = "sg-1" }
  }

  assert {
    condition     = length(module.network) == 0 && length(module.warehouse) == 1
    error_message = "No second network is built."
  }
}

run "serverless_on_a_database_that_is_there" {
  command = plan

  variables {
    create_network      = false
    create_warehouse    = false
    database_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:telemetry/warehouse-AbCdEf"
  }

  assert {
    condition     = length(module.network) == 0 && length(module.warehouse) == 0
    error_message = "Neither network nor warehouse is built."
  }

  assert {
    condition     = output.database_address == null && output.database_secret_arn == var.database_secret_arn
    error_message = "The secret says where the database is."
  }
}
