# What the local stack reads too: settings, contracts and the package's own folders. Nothing of it is written here again.

locals {
  settings = yamldecode(file("${var.include_folder}/settings.yaml"))
  names    = local.settings.names
  prefix   = local.names.prefix

  # What the topic rule makes of a message.
  envelope = flatten(regexall(" AS (\\w+)", local.settings.topic_rule.sql))

  named = { for key, template in local.names : key => replace(template, "{prefix}", local.prefix) }
  streams = {
    for stream, contract in module.contracts.streams : stream => merge(
      { topic = contract.topic },
      {
        for key in ["queue", "dead_letter_queue", "delivery_stream"] :
        key => replace(local.named[key], "{stream}", replace(stream, "_", "-"))
      },
      { topic_rule = replace(replace(local.names.topic_rule, "{prefix}", replace(local.prefix, "-", "_")), "{stream}", stream) },
    )
  }

  artefacts = jsondecode(file("${var.artefacts_folder}/artefacts.json"))
}

locals {
  account = data.aws_caller_identity.current.account_id

  # As many as the composition says, in a region that has so many.
  available_zones = local.create_network && var.zones == null ? sort(data.aws_availability_zones.available[0].names) : []
  zones           = var.zones != null ? var.zones : slice(local.available_zones, 0, min(local.composition.zones, length(local.available_zones)))

  network = local.create_network ? {
    vpc_id            = module.network[0].vpc_id
    subnet_ids        = module.network[0].subnet_ids
    security_group_id = module.network[0].workers_security_group_id
  } : var.existing_network

  database_secret_arn = local.create_warehouse ? module.warehouse[0].secret_arn : var.database_secret_arn

  # Names only, and no secret. The address is told where the secret lacks it: one that RDS keeps does.
  function_environment = merge(
    {
      TELEMETRY_RAW_BUCKET       = module.lake.raw_bucket.name
      TELEMETRY_PROCESSED_BUCKET = module.lake.processed_bucket.name
      TELEMETRY_DATABASE_SECRET  = local.database_secret_arn
    },
    local.create_warehouse ? { TELEMETRY_DATABASE_ADDRESS = module.warehouse[0].address } : {},
    var.database_address != null ? { TELEMETRY_DATABASE_ADDRESS = var.database_address } : {},
  )
  deployment_environment = merge(local.function_environment, { TELEMETRY_STATE_MACHINE_ARN = module.etl.state_machine_arn })
}
