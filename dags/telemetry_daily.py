"""A DAG for each stream that loads what the ledger still lacks of a day, in both lanes, and closes the day."""

from __future__ import annotations

from telemetry.contracts.loader import read_streams
from telemetry_airflow.dag_factory import stream_dag
from telemetry_airflow.operators.close_day import CloseDayOperator
from telemetry_airflow.operators.etl import EtlOperator, RecordLoadOperator

DOC = """
Loads everything of a day of `{stream}` (topic `{topic}`) that is in S3 and not in the ledger, in both lanes and in
one execution: late objects, failed hours and drains, history objects. Backfills run this DAG.

1. **run_etl** runs the state machine once, under a name to which a retry attaches.
2. **record_load** records the load, however it ended, and fails the run if the load failed.
3. **close_day** computes the day's rollup, checks its quality, and reconciles what was published with the ledger. Its
   log shows the results. Unaccounted messages fail the run; failed checks only raise an alarm. While messages of the
   day are still in the queue, the task is retried, for more than an hour.

**When it fails**: the log of the failed task says why. After a failure of `run_etl` or `record_load`, fix the cause,
then *clear the run* or backfill the day again. The load gets a new generation and takes only what the ledger lacks.
Objects that were loaded before the failure stay loaded. After a failure of `close_day`, clear only that task; it
closes the day anew.

To run it by hand: *Trigger*, with a `partition` such as `2020-07-13`. For many days:
`telemetry backfill {stream} --from DAY --to DAY`.
"""

for stream in read_streams().streams.values():
    with stream_dag(stream, "daily", max_active_runs=3, doc=DOC):
        run_etl = EtlOperator(task_id="run_etl", stream=stream.stream, kind="daily")
        record_load = RecordLoadOperator(task_id="record_load", stream=stream.stream, kind="daily")
        close_day = CloseDayOperator(task_id="close_day", stream=stream.stream)
        run_etl >> record_load >> close_day
