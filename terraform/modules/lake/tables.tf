# Athena's view of the lake. Partitions are computed from their values, so no one has to add them.

locals {
  glue_types = { string = "string", double = "double", integer = "bigint", boolean = "boolean" }

  # What the Parquet files hold beside a contract's fields; the last two are the queue lane's alone. They are read by name.
  key_columns = [
    { name = "device_id", type = "string" },
    { name = "event_time", type = "timestamp" },
    { name = "reading_id", type = "string" },
  ]
  other_columns = [
    { name = "extra", type = "string" },
    { name = "line", type = "bigint" },
    { name = "item", type = "int" },
    { name = "message_id", type = "string" },
    { name = "received_on", type = "date" },
  ]

  # Recorded messages may be years older than the deployment.
  hour = {
    "projection.enabled"      = "true"
    "projection.year.type"    = "integer"
    "projection.year.range"   = "2020,2040"
    "projection.month.type"   = "integer"
    "projection.month.range"  = "1,12"
    "projection.month.digits" = "2"
    "projection.day.type"     = "integer"
    "projection.day.range"    = "1,31"
    "projection.day.digits"   = "2"
    "projection.hour.type"    = "integer"
    "projection.hour.range"   = "0,23"
    "projection.hour.digits"  = "2"
  }
  hour_folder = "year=$${year}/month=$${month}/day=$${day}/hour=$${hour}/"

  raw_folders       = { for stream in keys(var.streams) : stream => "s3://${local.names["raw-lake"]}/${var.folders.raw}/${stream}/" }
  processed_folders = { for stream in keys(var.streams) : stream => "s3://${local.names["processed"]}/${var.folders.processed}/${stream}/" }
}

resource "aws_glue_catalog_database" "this" {
  name        = "${replace(var.prefix, "-", "_")}_telemetry"
  description = "The telemetry lake"
}

resource "aws_glue_catalog_table" "readings" {
  for_each = var.streams

  database_name = aws_glue_catalog_database.this.name
  name          = "${each.key}_readings"
  description   = "Readings of the stream ${each.key}, of both lanes: a reading that came down both is in both"
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(local.hour, {
    EXTERNAL                    = "TRUE"
    classification              = "parquet"
    "projection.lane.type"      = "enum"
    "projection.lane.values"    = "lake,queue"
    "storage.location.template" = "${local.processed_folders[each.key]}lane=$${lane}/${local.hour_folder}"
  })

  partition_keys {
    name = "lane"
    type = "string"
  }

  dynamic "partition_keys" {
    for_each = ["year", "month", "day", "hour"]

    content {
      name = partition_keys.value
      type = "int"
    }
  }

  storage_descriptor {
    location      = local.processed_folders[each.key]
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = concat(
        local.key_columns,
        [for name, type in each.value : { name = name, type = local.glue_types[type] }],
        local.other_columns,
      )

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

resource "aws_glue_catalog_table" "raw" {
  for_each = var.streams

  database_name = aws_glue_catalog_database.this.name
  name          = "${each.key}_raw"
  description   = "Messages of the stream ${each.key} as they came, each in its envelope: the payload is in base64"
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(local.hour, {
    EXTERNAL                    = "TRUE"
    classification              = "json"
    "storage.location.template" = "${local.raw_folders[each.key]}${local.hour_folder}"
  })

  dynamic "partition_keys" {
    for_each = ["year", "month", "day", "hour"]

    content {
      name = partition_keys.value
      type = "int"
    }
  }

  storage_descriptor {
    location      = local.raw_folders[each.key]
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      serialization_library = "org.openx.data.jsonserde.JsonSerDe"

      # A line that is not JSON is for the ETL to quarantine, not for a query to fail on.
      parameters = { "ignore.malformed.json" = "true" }
    }

    dynamic "columns" {
      for_each = var.envelope

      content {
        name = columns.value
        type = columns.value == "received_at" ? "bigint" : "string"
      }
    }
  }
}
