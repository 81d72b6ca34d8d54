output "vpc_id" {
  description = "ID of the VPC."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "IDs of the private subnets, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]

  # Resources in these subnets install packages at once, so the routes to the internet must exist first.
  depends_on = [
    aws_route_table_association.private,
    aws_route_table_association.public,
    aws_route.private_to_internet,
    aws_route.public_to_internet,
    aws_vpc_endpoint.s3,
    aws_vpc_endpoint.interface,
    aws_vpc_security_group_ingress_rule.endpoints_from_workers,
  ]
}

output "workers_security_group_id" {
  description = "ID of the security group for functions, MWAA and notebook."
  value       = aws_security_group.workers.id

  depends_on = [
    aws_vpc_security_group_ingress_rule.workers_from_workers,
    aws_vpc_security_group_egress_rule.workers_to_workers,
    aws_vpc_security_group_egress_rule.workers_to_postgresql,
    aws_vpc_security_group_egress_rule.workers_to_endpoints,
    aws_vpc_security_group_egress_rule.workers_to_s3,
    aws_vpc_security_group_egress_rule.workers_to_internet,
  ]
}
