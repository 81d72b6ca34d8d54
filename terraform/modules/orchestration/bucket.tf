# MWAA's bucket, with the first DAGs and artefacts. `telemetry deploy` replaces them, so Terraform does not look at them again.

module "bucket" {
  source = "../bucket"

  name          = "${var.prefix}-airflow-${var.account}-${var.region}"
  key_arn       = var.key_arn
  force_destroy = true # it holds only what `telemetry package` can build again
}

resource "aws_s3_object" "dag" {
  for_each = toset(var.artefacts.dags)

  bucket     = module.bucket.name
  key        = trimprefix(each.value, "airflow/")
  source     = "${var.artefacts_folder}/${each.value}"
  kms_key_id = var.key_arn

  override_provider {
    default_tags {
      tags = {} # S3 objects have at most ten tags, so default tags are left out
    }
  }

  lifecycle {
    ignore_changes = [source]
  }
}

resource "aws_s3_object" "artefact" {
  for_each = {
    plugins      = var.artefacts.plugins
    requirements = var.artefacts.requirements
    startup      = var.artefacts.startup
  }

  bucket     = module.bucket.name
  key        = each.value
  source     = "${var.artefacts_folder}/${each.value}"
  kms_key_id = var.key_arn

  override_provider {
    default_tags {
      tags = {} # S3 objects have at most ten tags, so default tags are left out
    }
  }

  lifecycle {
    ignore_changes = [key, source]
  }
}
