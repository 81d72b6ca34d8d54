locals {
  identifier = "${var.prefix}-warehouse"
  family     = "postgres${var.engine_version}"
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_133:backup_retention_days accepts 1 to 35
  #checkov:skip=CKV_AWS_157:a standby doubles the cost; the production composition has one
  #checkov:skip=CKV_AWS_293:a trial can be destroyed with one command; the production composition is protected
  identifier     = local.identifier
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class
  multi_az       = var.multi_az

  db_name  = "telemetry"
  username = "telemetry"
  # RDS generates the password, keeps it in Secrets Manager and rotates it every seven days, without a function of ours
  # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html). Terraform's state never contains it.
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.key_arn

  # Allows sign-in with IAM's short-lived tokens once a database user has the role rds_iam.
  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  allocated_storage     = var.allocated_storage_gib
  max_allocated_storage = var.max_allocated_storage_gib
  # With RDS's own key (aws/rds), which nobody can delete. A snapshot can only be read with the key of its database, and
  # the last snapshot outlives the deployment, whose own key is deleted with it.
  storage_encrypted = true

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false

  snapshot_identifier = var.snapshot_identifier

  parameter_group_name        = aws_db_parameter_group.this.name
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = true # raising engine_version asks for it
  maintenance_window          = var.maintenance_window
  backup_window               = var.backup_window
  apply_immediately           = var.apply_immediately

  dynamic "blue_green_update" {
    for_each = var.blue_green_update ? [true] : []

    content {
      enabled = true
    }
  }

  backup_retention_period = var.backup_retention_days
  copy_tags_to_snapshot   = true
  deletion_protection     = var.deletion_protection
  skip_final_snapshot     = !var.final_snapshot
  # Snapshots outlive the database, so the name must differ from that of an earlier database's snapshot.
  final_snapshot_identifier = "${local.identifier}-final-${trimprefix(aws_security_group.database.id, "sg-")}"

  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.key_arn
  monitoring_interval             = 60
  monitoring_role_arn             = module.monitoring_role.arn
  enabled_cloudwatch_logs_exports = keys(aws_cloudwatch_log_group.database)

  lifecycle {
    # RDS extends the storage by itself, up to max_allocated_storage. A snapshot counts when the database is created:
    # naming another one later must not replace it.
    ignore_changes = [allocated_storage, snapshot_identifier]
  }
}

resource "aws_db_subnet_group" "this" {
  name        = local.identifier
  description = "Private subnets of the warehouse"
  subnet_ids  = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name        = "${local.identifier}-${local.family}"
  family      = local.family
  description = "TLS for everyone, and room for loads of many rows" # synchronous_commit stays as it is: on

  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot" # as in RDS, where 1 is the default; otherwise each plan would change it
  }

  # A blue/green deployment replicates logically (RDS user guide, "Limitations and considerations for blue/green
  # deployments"). It needs a reboot, so it is set before the first upgrade of the kind.
  dynamic "parameter" {
    for_each = var.blue_green_update ? { "rds.logical_replication" = "1" } : {}

    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "pending-reboot"
    }
  }

  dynamic "parameter" {
    for_each = {
      # A load sorts its rows and merges them into an index. This should happen in memory, not in files. The values are
      # shares of the instance's memory in kB: a 64th for a sort, of which several run at once, and a 16th for creating
      # an index.
      work_mem             = "{DBInstanceClassMemory/65536}"
      maintenance_work_mem = "{DBInstanceClassMemory/16384}"

      # Fewer checkpoints: after each one, PostgreSQL writes every page that it touches in full to the log.
      checkpoint_timeout = "900"
      max_wal_size       = "4096"

      log_statement              = "ddl"
      log_min_duration_statement = "2000"
      log_lock_waits             = "1"
    }

    content {
      name  = parameter.key
      value = parameter.value
    }
  }

  lifecycle {
    create_before_destroy = true # a major upgrade changes the family
  }
}

resource "aws_cloudwatch_log_group" "database" {
  #checkov:skip=CKV_AWS_338:each deployment chooses how long logs are kept
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${local.identifier}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arn
}

resource "aws_security_group" "database" {
  name        = local.identifier
  description = "The warehouse: PostgreSQL from its clients, nothing out"
  vpc_id      = var.vpc_id

  tags = { Name = local.identifier }
}

resource "aws_vpc_security_group_ingress_rule" "database_from_client" {
  count = length(var.client_security_group_ids)

  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from a client"
  referenced_security_group_id = var.client_security_group_ids[count.index]
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_ingress_rule" "database_from_operators" {
  for_each = var.operator_cidrs

  security_group_id = aws_security_group.database.id
  description       = "PostgreSQL from people"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}
