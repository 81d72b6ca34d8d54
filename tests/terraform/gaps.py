"""What of ``terraform/`` the emulator cannot take, why, and what stands in its place when it is applied there.

``test_gaps.py`` sees to it that the list is true: that the emulator cannot take these, and that it takes all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEFT_OUT = "count = 0"
NONE_OF_THEM = "for_each = toset([])"
NO_TRACING = """dynamic "tracing_configuration" {
    for_each = []
    content {}
  }"""


@dataclass(frozen=True)
class Gap:
    """A resource of a module. ``instead`` are arguments that win over its own: most say that there is to be none."""

    module: str
    resource: str
    instead: str
    why: str

    @property
    def is_left_out(self) -> bool:
        return self.instead in (LEFT_OUT, NONE_OF_THEM, "")


GAPS = [
    Gap("network", "aws_flow_log.this", LEFT_OUT, "a flow log's role and interval are lost"),
    Gap(
        "network", "aws_vpc_endpoint.interface", NONE_OF_THEM, "an endpoint's security groups and private DNS are lost"
    ),
    Gap(
        "network",
        "aws_vpc_security_group_egress_rule.workers_to_s3",
        LEFT_OUT,
        "a gateway endpoint has no prefix list, and a rule's is lost",
    ),
    Gap("ingest", "aws_iot_logging_options.this", LEFT_OUT, "there are no logging options of IoT"),
    Gap("etl", "aws_sfn_state_machine.this", NO_TRACING, "tracing is lost"),
    Gap(
        "orchestration",
        "aws_mwaa_environment.this",
        LEFT_OUT,
        "the provider calls it at api.HOST, which is nowhere; and key, plugins and startup script are lost",
    ),
    Gap("warehouse", "aws_db_instance.this", LEFT_OUT, "there is no database, and no secret of RDS's own making"),
    Gap("analysis", "aws_sagemaker_notebook_instance.this", LEFT_OUT, "there is no SageMaker"),
    Gap("analysis", "aws_sagemaker_notebook_instance_lifecycle_configuration.this", LEFT_OUT, "there is no SageMaker"),
    Gap("analysis", "aws_quicksight_data_source.athena", "", "there is no QuickSight; it is off by its variable"),
]

# What is asked of resources that are left out.
OUTPUTS = {
    "orchestration": {"webserver_url": "https://airflow.invalid", "environment_name": "airflow"},
    "warehouse": {"address": "warehouse.invalid:5432/telemetry", "secret_arn": "arn", "instance_id": "warehouse"},
}

PROVIDER = """
provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
"""

# The functions are to load into a real PostgreSQL; so that of RDS stands beside, and nobody uses it.
WAREHOUSE = """
module "warehouse_beside" {
  source = "./modules/warehouse"

  prefix                    = local.prefix
  account                   = local.account
  region                    = var.region
  vpc_id                    = local.network.vpc_id
  subnet_ids                = local.network.subnet_ids
  client_security_group_ids = [local.network.security_group_id]
  operator_cidrs            = var.operator_cidrs
  key_arn                   = module.encryption.key_arn
  log_retention_days        = var.log_retention_days
  deletion_protection       = false

  engine_version            = local.warehouse.engine_version
  instance_class            = local.warehouse.instance_class
  multi_az                  = local.warehouse.multi_az
  allocated_storage_gib     = local.warehouse.allocated_storage_gib
  max_allocated_storage_gib = local.warehouse.max_allocated_storage_gib
  backup_retention_days     = local.warehouse.backup_retention_days
  maintenance_window        = local.warehouse.maintenance_window
  backup_window             = local.warehouse.backup_window
  apply_immediately         = local.warehouse.apply_immediately
  blue_green_update         = local.warehouse.blue_green_update
}
"""


def bridge(root: Path) -> None:
    """Add to a copy of ``terraform/`` what makes it fit for the emulator."""
    (root / "emulator_override.tf").write_text(PROVIDER)
    (root / "emulator_warehouse.tf").write_text(WAREHOUSE)
    for module in {gap.module for gap in GAPS}:
        (root / "modules" / module / "emulator_override.tf").write_text("\n".join(_overrides(module)))


def _overrides(module: str) -> Iterator[str]:
    for gap in GAPS:
        if gap.module == module and gap.instead:
            kind, name = gap.resource.split(".")
            yield f'resource "{kind}" "{name}" {{\n  {gap.instead}\n}}\n'
    for output, value in OUTPUTS.get(module, {}).items():
        yield f'output "{output}" {{\n  value = "{value}"\n}}\n'
