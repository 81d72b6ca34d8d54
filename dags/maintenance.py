"""One DAG for all streams: the daily upkeep of the warehouse."""

from __future__ import annotations

from datetime import timedelta

from telemetry.config.settings import load_settings
from telemetry_airflow.dag_factory import maintenance_dag
from telemetry_airflow.operators.maintenance import (
    AbandonedLoadsOperator,
    MigrateOperator,
    PartitionsAheadOperator,
    RetentionOperator,
)

DOC = """
Keeps the warehouse in order, once a day and for all streams. Each task may be run again at any time. *Trigger* it after
a deployment: it makes the tables of a new warehouse and the columns of new fields.

- **migrate** brings the tables up to the migrations and the contracts, as `telemetry migrate` does.
- **partitions_ahead** makes the partitions of readings for the months ahead, and gives a month of history that fills
  the default partition one of its own. Loads wait meanwhile; none fails.
- **retention** takes away what is older than `retention` in `include/settings.yaml` says: ids of queue messages, and,
  where the settings say so, months of readings and old quarantine. What is dropped is counted in `dropped_rows`.
- **abandoned_loads** closes as failed the loads that are open although their execution is over or was never started.

**When it fails**: the log of the task says why. Nothing is lost and no load is kept from running: readings without a
partition of their own lie in the default one until the next run. *Clear the task* to try again now.
"""

with maintenance_dag(schedule=load_settings().schedules.maintenance, timeout=timedelta(hours=2), doc=DOC):
    migrate = MigrateOperator(task_id="migrate")
    migrate >> [
        PartitionsAheadOperator(task_id="partitions_ahead"),
        RetentionOperator(task_id="retention"),
        AbandonedLoadsOperator(task_id="abandoned_loads"),
    ]
