"""One DAG a stream: whatever of a day the ledger lacks, of both lanes, and the day is closed; the unit of backfill."""

from __future__ import annotations

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import read_streams
from telemetry_airflow.dag_factory import stream_dag
from telemetry_airflow.operators.close_day import CloseDayOperator
from telemetry_airflow.operators.etl import EtlOperator, RecordLoadOperator

DOC = """
Loads whatever of a day of `{stream}` (topic `{topic}`) is in S3 and not in the ledger, of both lanes, in one execution:
late objects, hours and drains that failed, history objects. The unit of backfill.

1. **run_etl** runs the state machine once, under a name that a retry attaches to.
2. **record_load** puts the load on the record, however it ended, and fails the run when the load failed.
3. **close_day** computes the day's rollup, checks its quality, and reconciles what was published with the ledger. Its
   log shows both. Messages that are unaccounted for fail the run; failed checks only raise an alarm. While messages of
   the day are in the queue, it tries again, for more than an hour.

**When it fails**: the log of the task that failed says why. Of `run_etl` or `record_load`: put that right, then *clear
the run*, or backfill the day again: it is loaded as another generation, and only what the ledger lacks is taken.
Objects that were loaded before the failure stay loaded. Of `close_day`: clear that task alone; the day is closed anew.

By hand: *Trigger*, with `partition` such as `2020-07-13`. Many days: `telemetry backfill {stream} --from DAY --to DAY`.
"""

settings = load_settings()

for stream in read_streams().streams.values():
    with stream_dag(stream, "daily", schedule=settings.schedules.daily, max_active_runs=3, doc=DOC):
        run_etl = EtlOperator(task_id="run_etl", stream=stream.stream, kind="daily")
        record_load = RecordLoadOperator(task_id="record_load", stream=stream.stream, kind="daily")
        close_day = CloseDayOperator(task_id="close_day", stream=stream.stream)
        run_etl >> record_load >> close_day
