# The streams' contracts, checked as far as Terraform builds from them. The functions check all of a contract.

locals {
  documents = {
    for file in fileset(var.folder, "*.yaml") : "${var.folder}/${file}" => try(yamldecode(file("${var.folder}/${file}")), null)
  }

  path    = "^[^.]+(\\.[^.]+)*$"
  types   = ["string", "double", "integer", "boolean"]
  formats = ["iso8601", "epoch_seconds", "epoch_milliseconds"]
  columns = [
    "device_id", "event_time", "reading_id", "extra", "load_id", "line", "item", "message_id", "received_on",
    "lane", "year", "month", "day", "hour", # the partitions of the Glue tables
  ]

  # By file and field: whether it is right, and what it has to be.
  checks = {
    for file, document in local.documents : file => merge(
      {
        stream = {
          right = can(regex("^[a-z][a-z0-9_]{0,39}$", document.stream)) && try("${document.stream}.yaml", "") == basename(file)
          rule  = "the file's name without .yaml, in lower case"
        }
        topic = {
          right = can(regex("^[^+#$'\\s]+/\\+(/[^+#'\\s]+)?$", document.topic))
          rule  = "a topic filter with one + for the device, such as devices/+/telemetry"
        }
        "device.path"       = { right = can(regex(local.path, document.device.path)), rule = "names joined by dots" }
        "event_time.path"   = { right = can(regex(local.path, document.event_time.path)), rule = "names joined by dots" }
        "event_time.format" = { right = try(contains(local.formats, document.event_time.format), false), rule = join(", ", local.formats) }
        fields              = { right = try(length(keys(document.fields)) > 0, false), rule = "a mapping with one field at least" }
      },
      {
        for name in try(keys(document.fields), []) : "fields.${name}.type" => {
          right = try(contains(local.types, document.fields[name].type), false)
          rule  = join(", ", local.types)
        }
      },
      {
        for name in try(keys(document.fields), []) : "fields.${name}" => {
          right = can(regex("^[a-z][a-z0-9_]{0,39}$", name)) && !contains(local.columns, name)
          rule  = "named in lower case, and not as a column that is there already: ${join(", ", local.columns)}"
        }
      },
    )
  }

  topics = [for document in values(local.documents) : try(document.topic, null)]

  faults = concat(
    length(local.documents) > 0 ? [] : ["${var.folder}: there is no <stream>.yaml in it"],
    [for file, document in local.documents : "${file}: the document: must be a YAML mapping" if !can(keys(document))],
    flatten([
      for file, checks in local.checks : [
        for field, check in checks : "${file}: ${field}: must be ${check.rule}" if !check.right && can(keys(local.documents[file]))
      ]
    ]),
    [
      for file, document in local.documents : "${file}: topic: another stream has it too"
      if length([for topic in local.topics : topic if topic == try(document.topic, "")]) > 1
    ],
  )
}
