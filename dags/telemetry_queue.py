"""A DAG for each stream that drains the queue lane into PostgreSQL every few minutes."""

from __future__ import annotations

from telemetry.contracts.loader import read_streams
from telemetry_airflow.dag_factory import stream_dag
from telemetry_airflow.operators.etl import EtlOperator, RecordLoadOperator
from telemetry_airflow.operators.sense import CheckQueueOperator

DOC = """
Drains the queue of `{stream}` (topic `{topic}`) into PostgreSQL, so that readings are minutes old. One run at a time.

1. **sense** checks whether the queue holds messages, or S3 holds drained messages that are not loaded. If neither, it
   skips the ETL.
2. **run_etl** runs the state machine once, under a name to which a retry attaches.
3. **record_load** records the load, however it ended, and fails the run if the load failed.

**When it fails**: the log of `record_load` says why. A message leaves the queue only after it is in S3, so nothing is
lost: the next scheduled run takes what is left. *Clear the run* to take it now. Messages that repeatedly could not be
drained are in the dead-letter queue; `telemetry status` counts them.
"""

for stream in read_streams().streams.values():
    with stream_dag(stream, "queue", max_active_runs=1, doc=DOC):
        sense = CheckQueueOperator(task_id="sense", stream=stream.stream)
        run_etl = EtlOperator(task_id="run_etl", stream=stream.stream, kind="queue")
        record_load = RecordLoadOperator(task_id="record_load", stream=stream.stream, kind="queue")
        sense >> run_etl >> record_load
