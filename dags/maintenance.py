"""The DAG ``maintenance``: daily upkeep of the warehouse, for all streams."""

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
Maintains the warehouse once a day, for all streams. Each task may be run again at any time. *Trigger* the DAG after a
deployment: it creates the tables of a new warehouse and the columns of new fields.

- **migrate** applies the migrations and updates the tables to the contracts, as `telemetry migrate` does.
- **partitions_ahead** creates the partitions of readings for the coming months. If a month of history fills the
  default partition, the task gives it a partition of its own. Loads wait in the meantime; none fails.
- **retention** deletes what is older than `retention` in `include/settings.yaml` or in the stream's file allows: ids of
  queue messages, and, if they say so, months of readings and old quarantined rows. It counts what it deletes in
  `dropped_rows`. As long as a stream's file is faulty, nothing of that stream is deleted.
- **abandoned_loads** closes loads as failed if they are open although their execution has ended or never started.

**When it fails**: the log of the task says why. Nothing is lost, and loads keep running: readings without a partition
of their own stay in the default partition until the next run. *Clear the task* to try again now.
"""

with maintenance_dag(schedule=load_settings().schedules.maintenance, timeout=timedelta(hours=2), doc=DOC):
    migrate = MigrateOperator(task_id="migrate")
    migrate >> [
        PartitionsAheadOperator(task_id="partitions_ahead"),
        RetentionOperator(task_id="retention"),
        AbandonedLoadsOperator(task_id="abandoned_loads"),
    ]
