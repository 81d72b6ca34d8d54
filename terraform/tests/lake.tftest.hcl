# How long the lake keeps objects, by stream.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "each_stream_by_what_its_file_or_the_settings_say" {
  command = plan

  module {
    source = "./modules/lake"
  }

  variables {
    prefix             = "iot"
    account            = "123456789012"
    region             = "eu-west-1"
    key_arn            = "arn:aws:kms:eu-west-1:123456789012:key/1"
    lanes              = ["lake", "queue"]
    transition_days    = { standard_ia = 30, glacier_ir = 90 }
    log_retention_days = 365
    force_destroy      = false
    folders = {
      raw         = "raw-data"
      queue       = "queue-data"
      processed   = "processed-data"
      quarantine  = "quarantine-data"
      manifests   = "manifests"
      raw_errors  = "raw-errors"
      rule_errors = "rule-errors"
    }
    streams = {
      door = { lake_days = 400, tables = {} }
      soil = { lake_days = 20, tables = {} }
      pump = { lake_days = null, tables = {} }
    }
  }

  assert {
    condition = output.expired_after_days == {
      raw-lake = {
        "raw-data/door/"    = 400
        "queue-data/door/"  = 400
        "raw-errors/door/"  = 400
        "rule-errors/door/" = 400
        "raw-data/soil/"    = 20
        "queue-data/soil/"  = 20
        "raw-errors/soil/"  = 20
        "rule-errors/soil/" = 20
      }
      processed = {
        "processed-data/door/"  = 400
        "quarantine-data/door/" = 400
        "processed-data/soil/"  = 20
        "quarantine-data/soil/" = 20
        "manifests/"            = 90
        "athena-results/"       = 30
      }
    }
    error_message = "A stream's objects are kept as long as its own number says, and forever without one."
  }
}

run "an_expiry_becomes_a_rule_for_its_prefix" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name               = "lake"
    force_destroy      = false
    expired_after_days = { "raw-data/door/" = 400 }
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : [rule.status, rule.filter[0].prefix, rule.expiration[0].days]
      if rule.id == "expire-raw-data/door"
    ] == [["Enabled", "raw-data/door/", 400]]
    error_message = "Objects with the prefix are deleted after so many days."
  }
}
