# Athena's view of the lake. Partitions are projected from their values, so nobody has to add them.

locals {
  tables  = merge([for stream in values(var.streams) : stream.tables]...)
  buckets = { parquet = local.names["processed"], json = local.names["raw-lake"] }

  # Parquet columns are read by name. A line that is not JSON must not fail a query: the ETL quarantines it.
  formats = {
    parquet = {
      input      = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
      output     = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
      library    = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      parameters = {}
    }
    json = {
      input      = "org.apache.hadoop.mapred.TextInputFormat"
      output     = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      library    = "org.openx.data.jsonserde.JsonSerDe"
      parameters = { "ignore.malformed.json" = "true" }
    }
  }

  # Recorded messages may be years older than the deployment.
  projections = {
    lane  = { type = "enum", values = join(",", var.lanes) }
    year  = { type = "integer", range = "2020,2040" }
    month = { type = "integer", range = "1,12", digits = "2" }
    day   = { type = "integer", range = "1,31", digits = "2" }
    hour  = { type = "integer", range = "0,23", digits = "2" }
  }
  keys = { for table, made in local.tables : table => flatten(regexall("\\$\\{(\\w+)\\}", made.partitions)) }
}

resource "aws_glue_catalog_database" "this" {
  name        = "${replace(var.prefix, "-", "_")}_telemetry"
  description = "The telemetry lake"
}

resource "aws_glue_catalog_table" "this" {
  for_each = local.tables

  database_name = aws_glue_catalog_database.this.name
  name          = each.key
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(
    {
      EXTERNAL                    = "TRUE"
      classification              = each.value.format
      "projection.enabled"        = "true"
      "storage.location.template" = "s3://${local.buckets[each.value.format]}/${each.value.folder}${each.value.partitions}"
    },
    [for key in local.keys[each.key] : { for what, value in local.projections[key] : "projection.${key}.${what}" => value }]...
  )

  dynamic "partition_keys" {
    for_each = local.keys[each.key]

    content {
      name = partition_keys.value
      type = partition_keys.value == "lane" ? "string" : "int"
    }
  }

  storage_descriptor {
    location      = "s3://${local.buckets[each.value.format]}/${each.value.folder}"
    input_format  = local.formats[each.value.format].input
    output_format = local.formats[each.value.format].output

    ser_de_info {
      serialization_library = local.formats[each.value.format].library
      parameters            = local.formats[each.value.format].parameters
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}
