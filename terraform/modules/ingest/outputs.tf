output "queue_urls" {
  description = "URLs of the queues, by stream."
  value       = { for stream, queue in aws_sqs_queue.this : stream => queue.url }
}

output "queue_arns" {
  description = "ARNs of the queues, by stream."
  value       = { for stream, queue in aws_sqs_queue.this : stream => queue.arn }
}

output "dead_letter_queue_urls" {
  description = "URLs of the dead-letter queues, by stream."
  value       = { for stream, queue in aws_sqs_queue.dead_letters : stream => queue.url }
}

output "dead_letter_queue_arns" {
  description = "ARNs of the dead-letter queues, by stream."
  value       = { for stream, queue in aws_sqs_queue.dead_letters : stream => queue.arn }
}

output "delivery_streams" {
  description = "Names of the delivery streams, by stream."
  value       = { for stream, firehose in aws_kinesis_firehose_delivery_stream.this : stream => firehose.name }
}

output "topic_rules" {
  description = "Names of the topic rules, by stream."
  value       = { for stream, rule in aws_iot_topic_rule.this : stream => rule.name }
}

output "iot_endpoint" {
  description = "Host to which devices connect."
  value       = data.aws_iot_endpoint.this.endpoint_address
}

output "certificates" {
  description = "Certificates of things and gateways, in PEM, by name."
  value       = { for name, certificate in aws_iot_certificate.this : name => certificate.certificate_pem }
  sensitive   = true
}
