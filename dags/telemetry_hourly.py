"""A DAG for each stream that loads the lake lane's hour partition into PostgreSQL soon after the hour."""

from __future__ import annotations

from telemetry.contracts.loader import read_streams
from telemetry_airflow.dag_factory import stream_dag
from telemetry_airflow.operators.etl import EtlOperator, RecordLoadOperator
from telemetry_airflow.operators.sense import AwaitHourOperator

DOC = """
Loads the last complete hour of `{stream}` (topic `{topic}`) from the raw lake, and late objects of the hours before.

1. **sense** waits until Firehose has delivered the hour. If nothing arrived, or everything is loaded already, it
   skips the ETL.
2. **run_etl** runs the state machine once, under a name to which a retry attaches.
3. **record_load** records the load, however it ended, and fails the run if the load failed.

**When it fails**: the log of `record_load` says why. Fix the cause, then *clear the run*. The load gets a new
generation and takes only what the ledger lacks. Nothing is lost in the meantime, and nothing is loaded twice:
`{stream}_daily` takes what an hour left behind. Killing a task does not stop the execution. To stop an execution, do
it in Step Functions, under the name in the log.

To run it by hand: *Trigger*, with a `partition` such as `2020-07-13T05`. If the hour is not over, what has arrived so
far is loaded.
"""

for stream in read_streams().streams.values():
    with stream_dag(stream, "hourly", max_active_runs=3, doc=DOC):
        sense = AwaitHourOperator(task_id="sense", stream=stream.stream)
        run_etl = EtlOperator(task_id="run_etl", stream=stream.stream, kind="hourly")
        record_load = RecordLoadOperator(task_id="record_load", stream=stream.stream, kind="hourly")
        sense >> run_etl >> record_load
