# Enhanced Monitoring writes the operating system's metrics to CloudWatch Logs
# (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html).

data "aws_partition" "current" {}

module "monitoring_role" {
  source = "../role"

  name                = "${var.prefix}-warehouse-monitoring"
  description         = "RDS writes metrics of the warehouse's operating system"
  account             = var.account
  services            = ["monitoring.rds.amazonaws.com"]
  source_arns         = ["arn:${data.aws_partition.current.partition}:rds:${var.region}:${var.account}:db:${local.identifier}"]
  managed_policy_arns = ["arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"]
}
