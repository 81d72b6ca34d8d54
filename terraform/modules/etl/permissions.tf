# What each function may do: exactly what its code calls.

locals {
  s3              = "s3.${var.region}.amazonaws.com"
  secrets_manager = "secretsmanager.${var.region}.amazonaws.com"

  raw_objects        = [for folder in [var.folders.raw, var.folders.queue] : "${var.raw_bucket.arn}/${folder}/*"]
  processed_objects  = [for folder in [var.folders.processed, var.folders.quarantine] : "${var.processed_bucket.arn}/${folder}/*"]
  manifests          = ["${var.processed_bucket.arn}/${var.folders.manifests}/*"]
  raw_prefixes       = { test = "StringLike", variable = "s3:prefix", values = ["${var.folders.raw}/*", "${var.folders.queue}/*"] }
  via_s3             = { test = "StringEquals", variable = "kms:ViaService", values = [local.s3] }
  via_secrets        = { test = "StringEquals", variable = "kms:ViaService", values = [local.secrets_manager] }
  via_s3_and_secrets = { test = "StringEquals", variable = "kms:ViaService", values = [local.s3, local.secrets_manager] }
  into_the_namespace = { test = "StringEquals", variable = "cloudwatch:namespace", values = [var.metric_namespace] }

  list_raw_objects = { sid = "ListRawObjects", actions = ["s3:ListBucket"], resources = [var.raw_bucket.arn], condition = local.raw_prefixes }
  read_secret      = { sid = "Secret", actions = ["secretsmanager:GetSecretValue"], resources = [var.database_secret_arn] }
  decrypt          = { sid = "Decrypt", actions = ["kms:Decrypt"], resources = [var.key_arn] }
  encrypt          = { sid = "Encrypt", actions = ["kms:GenerateDataKey"], resources = [var.key_arn], condition = local.via_s3 }

  permissions = {
    device_simulator = [
      {
        sid       = "Publish"
        actions   = ["iot:Publish"]
        resources = ["arn:${data.aws_partition.current.partition}:iot:${var.region}:${var.account}:topic/${replace(var.simulator_topic, "+", "*")}"]
      },
    ]
    data_extraction = [
      local.read_secret,
      local.list_raw_objects,
      { sid = "WriteQueueObjects", actions = ["s3:PutObject"], resources = ["${var.raw_bucket.arn}/${var.folders.queue}/*"] },
      { sid = "WriteManifests", actions = ["s3:PutObject"], resources = local.manifests },
      { sid = "DrainQueues", actions = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"], resources = var.queue_arns },
      merge(local.decrypt, { condition = local.via_secrets }),
      local.encrypt,
    ]
    data_transformation = [
      { sid = "ReadRawObjects", actions = ["s3:GetObject"], resources = local.raw_objects },
      { sid = "WriteProcessedObjects", actions = ["s3:PutObject"], resources = local.processed_objects },
      merge(local.decrypt, { condition = local.via_s3 }),
      local.encrypt,
    ]
    data_loading = [
      local.read_secret,
      { sid = "ReadProcessedObjects", actions = ["s3:GetObject"], resources = local.processed_objects },
      merge(local.decrypt, { condition = local.via_s3_and_secrets }),
    ]
    load_recording = [
      local.read_secret,
      { sid = "ReadManifests", actions = ["s3:GetObject"], resources = local.manifests },
      merge(local.decrypt, { condition = local.via_s3_and_secrets }),
    ]
    data_quality = [
      local.read_secret,
      local.list_raw_objects,
      { sid = "ReadRawObjects", actions = ["s3:GetObject"], resources = local.raw_objects },
      { sid = "LookAtQueues", actions = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], resources = var.queue_arns },
      {
        sid       = "LookAtDeadLetters"
        actions   = ["sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
        resources = var.dead_letter_queue_arns
      },
      # CloudWatch's metrics are not resources (service authorization reference, "Amazon CloudWatch").
      { sid = "ReadMetrics", actions = ["cloudwatch:GetMetricData"], resources = ["*"] },
      { sid = "TellMetrics", actions = ["cloudwatch:PutMetricData"], resources = ["*"], condition = local.into_the_namespace },
      merge(local.decrypt, { condition = local.via_s3_and_secrets }),
    ]
  }
}
