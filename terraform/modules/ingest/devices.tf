# Who may publish: devices for themselves, gateways for many devices. Private keys stay where the signing requests were made.

data "aws_partition" "current" {}

locals {
  iot     = "arn:${data.aws_partition.current.partition}:iot:${var.region}:${var.account}"
  devices = merge(var.things, var.gateways)

  listeners = { for name, gateway in var.gateways : name => gateway.listens_to if length(gateway.listens_to) > 0 }

  thing_name = "$${iot:Connection.Thing.ThingName}"
  topics     = [for stream in values(var.streams) : stream.topic]
}

resource "aws_iot_thing" "this" {
  for_each = local.devices

  name = each.key
}

resource "aws_iot_certificate" "this" {
  for_each = local.devices

  csr    = each.value.csr
  active = true
}

resource "aws_iot_thing_principal_attachment" "this" {
  for_each = local.devices

  thing     = aws_iot_thing.this[each.key].name
  principal = aws_iot_certificate.this[each.key].arn
}

resource "aws_iot_policy_attachment" "this" {
  for_each = local.devices

  policy = contains(keys(var.gateways), each.key) ? aws_iot_policy.gateway.name : aws_iot_policy.device.name
  target = aws_iot_certificate.this[each.key].arn
}

# A device's client ID is its thing name. So is each part of its topics that a wildcard stands for.
resource "aws_iot_policy" "device" {
  name = "${var.prefix}-device"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Action    = "iot:Connect"
        Resource  = "${local.iot}:client/${local.thing_name}"
        Condition = { Bool = { "iot:Connection.Thing.IsAttached" = "true" } }
      },
      {
        Effect   = "Allow"
        Action   = "iot:Publish"
        Resource = [for topic in local.topics : "${local.iot}:topic/${replace(replace(topic, "+", local.thing_name), "#", local.thing_name)}"]
      },
    ]
  })

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= 2048
      error_message = "The topics of so many streams are longer than the 2,048 characters that an IoT policy holds: give streams a common first level, or a deployment of their own."
    }
  }
}

# A gateway runs `telemetry simulate` or `telemetry replay`: one connection, with a client ID of its own. In a policy, + and # stand for
# themselves, and * for any characters.
resource "aws_iot_policy" "gateway" {
  name = "${var.prefix}-gateway"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "iot:Connect"
        Resource = "${local.iot}:client/telemetry-*"
      },
      {
        Effect   = "Allow"
        Action   = "iot:Publish"
        Resource = [for topic in local.topics : "${local.iot}:topic/${replace(topic, "/[+#]/", "*")}"]
      },
    ]
  })

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= 2048
      error_message = "The topics of so many streams are longer than the 2,048 characters that an IoT policy holds: give streams a common first level, or a deployment of their own."
    }
  }
}

# `telemetry stream new --topic` listens as a gateway, if the gateway's listens_to has the topic filter.
resource "aws_iot_policy" "listener" {
  for_each = local.listeners

  name = "${var.prefix}-listener-${replace(each.key, ":", ".")}"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "iot:Subscribe"
        Resource = [for topic_filter in each.value : "${local.iot}:topicfilter/${topic_filter}"]
      },
      {
        Effect   = "Allow"
        Action   = "iot:Receive"
        Resource = [for topic_filter in each.value : "${local.iot}:topic/${replace(topic_filter, "/[+#]/", "*")}"]
      },
    ]
  })
}

resource "aws_iot_policy_attachment" "listener" {
  for_each = local.listeners

  policy = aws_iot_policy.listener[each.key].name
  target = aws_iot_certificate.this[each.key].arn
}

data "aws_iot_endpoint" "this" {
  endpoint_type = "iot:Data-ATS"
}
