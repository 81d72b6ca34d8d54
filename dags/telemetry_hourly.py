"""One DAG a stream: the lake lane's hour partition into PostgreSQL, soon after the hour."""

from __future__ import annotations

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry_airflow.dag_factory import stream_dag
from telemetry_airflow.operators.etl import EtlOperator, RecordLoadOperator
from telemetry_airflow.operators.sense import AwaitHourOperator

DOC = """
Loads the hour of `{stream}` (topic `{topic}`) that has just ended from the raw lake, and late objects of the hours
before.

1. **sense** waits until Firehose has delivered the hour; if nothing arrived, or all of it is loaded, it skips the ETL.
2. **run_etl** runs the state machine once, under a name that a retry attaches to.
3. **record_load** puts the load on the record, however it ended, and fails the run when the load failed.

**When it fails**: the log of `record_load` says why. Put that right, then *clear the run*: it is loaded as another
generation, and only what the ledger lacks is taken. Nothing is lost meanwhile, and nothing is loaded twice:
`{stream}_daily` takes whatever an hour left behind. Killing a task stops no execution; stop one in Step Functions, by
the name that the log gives.

By hand: *Trigger*, with `partition` such as `2020-07-13T05`; an hour that is not over is loaded as far as it has got.
"""

settings = load_settings()

for stream in load_streams().values():
    with stream_dag(stream, "hourly", schedule=settings.schedules.hourly, max_active_runs=3, doc=DOC):
        sense = AwaitHourOperator(task_id="sense", stream=stream.stream)
        run_etl = EtlOperator(task_id="run_etl", stream=stream.stream, kind="hourly")
        record_load = RecordLoadOperator(task_id="record_load", stream=stream.stream, kind="hourly")
        sense >> run_etl >> record_load
