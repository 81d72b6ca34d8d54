output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "Ids of the private subnets, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "workers_security_group_id" {
  description = "Id of the security group of functions, MWAA and notebook."
  value       = aws_security_group.workers.id
}
