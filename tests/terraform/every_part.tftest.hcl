# Both compositions with all their optional parts, planned for test_limits.py.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  artefacts_folder    = "tests/artefacts"
  alarm_emails        = ["telemetry@example.com"]
  monthly_budget_usd  = 500
  operator_cidrs      = ["10.8.0.0/24"]
  quicksight_user_arn = "arn:aws:quicksight:eu-west-1:123456789012:user/default/analyst"
  things              = { pump-1 = { csr = "-----BEGIN CERTIFICATE REQUEST-----" } }
  gateways            = { hall = { csr = "-----BEGIN CERTIFICATE REQUEST-----" } }
  github              = { repository = "acme/telemetry" }
  tags                = { CostCentre = "telemetry @ hall 7" }
}

run "minimal" {
  command = plan

  variables {
    create_airflow      = true
    create_notebook     = true
    interface_endpoints = "all"
    iot_logging         = true
    warehouse           = { blue_green_update = true }
    snapshot_identifier = "iot-warehouse-final-1"
  }
}

run "production" {
  command = plan

  variables {
    composition = "production"
  }
}
