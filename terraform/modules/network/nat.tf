# The private subnets' way to the internet, for installations and for AWS services without an endpoint. A NAT gateway is in
# one zone. If that zone fails, subnets that use it reach no such service: a production has one in each zone.

locals {
  nat_zones = { none = [], one = slice(var.zones, 0, 1), one_per_zone = var.zones }[var.nat_gateways]
}

resource "aws_internet_gateway" "this" {
  count = length(local.nat_zones) > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = { Name = var.prefix }
}

resource "aws_subnet" "public" {
  for_each = toset(local.nat_zones)

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, 8 + local.zone_numbers[each.key])

  tags = { Name = "${var.prefix}-public-${each.key}" }
}

resource "aws_route_table" "public" {
  count = length(local.nat_zones) > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.prefix}-public" }
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_route" "public_to_internet" {
  count = length(local.nat_zones) > 0 ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_eip" "nat" {
  for_each = aws_subnet.public

  domain = "vpc"

  tags = { Name = "${var.prefix}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = aws_subnet.public

  subnet_id     = each.value.id
  allocation_id = aws_eip.nat[each.key].id

  tags = { Name = "${var.prefix}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "private_to_internet" {
  for_each = var.nat_gateways == "none" ? {} : aws_route_table.private

  route_table_id         = each.value.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[contains(local.nat_zones, each.key) ? each.key : var.zones[0]].id
}
