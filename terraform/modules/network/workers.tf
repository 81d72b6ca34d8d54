# The security group for functions, MWAA and notebook: out to what they call, in from itself and from people who open
# Airflow's pages. EC2 does not accept apostrophes in descriptions.

resource "aws_security_group" "workers" {
  #checkov:skip=CKV2_AWS_5:the modules etl, orchestration and analysis attach it
  name        = "${var.prefix}-workers"
  description = "Functions, MWAA and notebook: out to what they call, in from people to Airflow"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.prefix}-workers" }
}

# MWAA puts its database's endpoint (5432) and its web server's (443) into the environment's own security group, which
# must therefore allow traffic from itself (MWAA user guide, "Security in your VPC on Amazon MWAA":
# https://docs.aws.amazon.com/mwaa/latest/userguide/vpc-security.html).
resource "aws_vpc_security_group_ingress_rule" "workers_from_workers" {
  for_each = { HTTPS = 443, PostgreSQL = 5432 }

  security_group_id            = aws_security_group.workers.id
  description                  = "${each.key} from the workers to the endpoints of MWAA"
  referenced_security_group_id = aws_security_group.workers.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "workers_from_operators" {
  for_each = var.operator_cidrs

  security_group_id = aws_security_group.workers.id
  description       = "HTTPS from people to the pages of Airflow, if these are private"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "workers_to_workers" {
  security_group_id            = aws_security_group.workers.id
  description                  = "HTTPS to the endpoints of MWAA"
  referenced_security_group_id = aws_security_group.workers.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "workers_to_postgresql" {
  security_group_id = aws_security_group.workers.id
  description       = "PostgreSQL within the VPC: the warehouse and the metadata of MWAA"
  cidr_ipv4         = var.cidr
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}

resource "aws_vpc_security_group_egress_rule" "workers_to_endpoints" {
  security_group_id            = aws_security_group.workers.id
  description                  = "HTTPS to the interface endpoints"
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "workers_to_s3" {
  security_group_id = aws_security_group.workers.id
  description       = "HTTPS to S3 through its gateway endpoint"
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "workers_to_internet" {
  count = var.nat_gateways == "none" ? 0 : 1

  security_group_id = aws_security_group.workers.id
  description       = "HTTPS through the NAT gateway: services without an endpoint, and the package index for MWAA"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
