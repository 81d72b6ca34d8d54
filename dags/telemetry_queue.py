"""One DAG a stream: the queue lane, drained into PostgreSQL every few minutes."""

from __future__ import annotations

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry_airflow.dag_factory import stream_dag
from telemetry_airflow.operators.etl import EtlOperator, RecordLoadOperator
from telemetry_airflow.operators.sense import CheckQueueOperator

DOC = """
Drains the queue of `{stream}` (topic `{topic}`) into PostgreSQL: freshness of minutes. One run at a time.

1. **sense** looks whether the queue holds messages, or S3 holds some that were drained and not loaded; if neither, it
   skips the ETL.
2. **run_etl** runs the state machine once, under a name that a retry attaches to.
3. **record_load** puts the load on the record, however it ended, and fails the run when the load failed.

**When it fails**: the log of `record_load` says why. A message leaves the queue only after it is in S3, so nothing is
lost: the next tick takes what is left. *Clear the run* to take it now. Messages that fail again and again are in the
dead-letter queue; `telemetry status` counts them.
"""

settings = load_settings()

for stream in load_streams().values():
    with stream_dag(stream, "queue", schedule=settings.schedules.queue, max_active_runs=1, doc=DOC):
        sense = CheckQueueOperator(task_id="sense", stream=stream.stream)
        run_etl = EtlOperator(task_id="run_etl", stream=stream.stream, kind="queue")
        record_load = RecordLoadOperator(task_id="record_load", stream=stream.stream, kind="queue")
        sense >> run_etl >> record_load
