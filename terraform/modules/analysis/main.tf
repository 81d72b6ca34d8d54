locals {
  name = "${var.prefix}-analysis"
  # Named by its content: a new version is installed next to the one that somebody has edited.
  notebook     = "${trimsuffix(basename(var.notebook_file), ".ipynb")}-${substr(filemd5(var.notebook_file), 0, 8)}.ipynb"
  notebook_key = "notebooks/${local.notebook}"

  # Root runs it at every start, when everything but the folder SageMaker is reset.
  on_start = <<-SCRIPT
    #!/bin/bash
    set -euo pipefail

    target=/home/ec2-user/SageMaker/${local.notebook}
    if [ ! -e "$target" ]; then
      aws s3 cp "s3://${var.artefact_bucket.name}/${local.notebook_key}" "$target" --region ${var.region}
      chown ec2-user:ec2-user "$target"
    fi

    # Kernels of an older platform lack pandas 2. In the background: SageMaker gives this script five minutes.
    nohup sudo --user ec2-user --login bash -c \
      'source activate python3 && pip install --quiet "pandas>=2" "matplotlib>=3.6" pyarrow' \
      > /var/log/telemetry-pip.log 2>&1 &

    cat >> /etc/profile.d/jupyter-env.sh <<'VARIABLES'
    export AWS_DEFAULT_REGION=${var.region}
    export TELEMETRY_RAW_BUCKET=${var.raw_bucket.name}
    export TELEMETRY_PROCESSED_BUCKET=${var.processed_bucket.name}
    VARIABLES
    systemctl --no-block restart jupyter-server # it may wait for this script to end
  SCRIPT
}

resource "aws_sagemaker_notebook_instance" "this" {
  count = var.create_notebook ? 1 : 0

  name                   = local.name
  role_arn               = module.role[0].arn
  instance_type          = var.instance_type
  platform_identifier    = var.platform_identifier
  volume_size            = var.volume_gib
  kms_key_id             = var.key_arn
  subnet_id              = var.subnet_id
  security_groups        = var.security_group_ids
  direct_internet_access = "Disabled"
  root_access            = "Disabled"
  lifecycle_config_name  = aws_sagemaker_notebook_instance_lifecycle_configuration.this[0].name

  instance_metadata_service_configuration {
    minimum_instance_metadata_service_version = "2"
  }

  depends_on = [aws_s3_object.notebook]
}

resource "aws_sagemaker_notebook_instance_lifecycle_configuration" "this" {
  count = var.create_notebook ? 1 : 0

  name     = local.name
  on_start = base64encode(local.on_start)
}

resource "aws_s3_object" "notebook" {
  count = var.create_notebook ? 1 : 0

  bucket     = var.artefact_bucket.name
  key        = local.notebook_key
  source     = var.notebook_file
  kms_key_id = var.key_arn

  override_provider {
    default_tags {
      tags = {} # S3 objects have at most ten tags, so default tags are left out
    }
  }
}

# The workgroup, and with it the Glue tables, as a data source in QuickSight. QuickSight's own role needs access to the lake:
# grant it in QuickSight under Manage QuickSight, Security & permissions.
resource "aws_quicksight_data_source" "athena" {
  count = var.quicksight_user_arn == null ? 0 : 1

  data_source_id = local.name
  name           = "Telemetry (${var.prefix})"
  type           = "ATHENA"

  parameters {
    athena {
      work_group = var.athena_workgroup
    }
  }

  permission {
    principal = var.quicksight_user_arn
    actions = [
      "quicksight:DeleteDataSource",
      "quicksight:DescribeDataSource",
      "quicksight:DescribeDataSourcePermissions",
      "quicksight:PassDataSource",
      "quicksight:UpdateDataSource",
      "quicksight:UpdateDataSourcePermissions",
    ]
  }
}
