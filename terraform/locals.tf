# What the local stack reads too: the settings, and what `telemetry package` derives from them and from the streams' files.
# None of it is repeated here.

locals {
  settings  = yamldecode(file("${var.include_folder}/settings.yaml"))
  checked   = jsondecode(file("${var.artefacts_folder}/streams.json"))
  artefacts = jsondecode(file("${var.artefacts_folder}/artefacts.json"))

  names   = local.checked.names
  prefix  = local.names.prefix
  streams = local.checked.streams
}

locals {
  account = data.aws_caller_identity.current.account_id

  # As many as the composition says, or as many as the region has.
  available_zones = local.create_network && var.zones == null ? sort(data.aws_availability_zones.available[0].names) : []
  zones           = var.zones != null ? var.zones : slice(local.available_zones, 0, min(local.composition.zones, length(local.available_zones)))

  network = local.create_network ? {
    vpc_id            = module.network[0].vpc_id
    subnet_ids        = module.network[0].subnet_ids
    security_group_id = module.network[0].workers_security_group_id
  } : var.existing_network

  database_secret_arn = local.create_warehouse ? module.warehouse[0].secret_arn : var.database_secret_arn

  # Names only, no secret. The address is added if the secret lacks it, as the secret that RDS manages does.
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
