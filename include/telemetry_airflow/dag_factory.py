"""What all DAGs have in common: defaults, parameters and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from telemetry.config.settings import load_settings
from telemetry.contracts.model import Stream
from telemetry.etl.hours import LANES
from telemetry_airflow.intervals import PARTITION_EXAMPLE, PARTITION_SCHEMA
from telemetry_airflow.operators.etl import LONGEST_WAIT

if TYPE_CHECKING:
    from telemetry.warehouse.ledger import LoadKind

OWNER: Final = "telemetry"
START: Final = datetime(2020, 1, 1, tzinfo=UTC)  # Airflow asks for one; days before it can be backfilled all the same
RUN_TIMEOUT: Final = LONGEST_WAIT + timedelta(hours=4)  # for the tasks around the execution, with all their retries


def stream_dag(stream: Stream, kind: LoadKind, *, max_active_runs: int, doc: str) -> DAG:
    """The DAG ``<stream>_<kind>``, to be filled with tasks. It runs by the stream's own schedule, or by the default.

    ``doc`` may name ``{stream}`` and ``{topic}``. A run is bounded by ``RUN_TIMEOUT``. Unless it says otherwise a task
    is retried thrice, after 10 s, 20 s and 40 s, or up to twice that; its process (not its waiting) is bounded by ten
    minutes.
    """
    schedule: str = getattr(load_settings().for_stream(stream).schedules, kind)
    return _dag(
        f"{stream.stream}_{kind}",
        description=f"{kind}: {stream.description or stream.topic}",
        doc_md=doc.format(stream=stream.stream, topic=stream.topic),
        schedule=schedule,
        max_active_runs=max_active_runs,
        dagrun_timeout=RUN_TIMEOUT,
        tags=sorted({stream.stream, kind, *LANES[kind]}),
        params=_params(kind),
    )


def maintenance_dag(*, schedule: str, timeout: timedelta, doc: str) -> DAG:
    """The DAG ``maintenance``, to be filled with tasks: one for all streams, one run at a time.

    ``schedule`` is a cron expression in UTC; ``timeout`` bounds a run and each of its tasks, which are retried as those
    of ``stream_dag`` are.
    """
    return _dag(
        "maintenance",
        description="Daily upkeep of the warehouse, of all streams",
        doc_md=doc,
        schedule=schedule,
        max_active_runs=1,
        dagrun_timeout=timeout,
        tags=["maintenance"],
        execution_timeout=timeout,
    )


def _dag(dag_id: str, *, schedule: str, execution_timeout: timedelta = timedelta(minutes=10), **more: Any) -> DAG:
    return DAG(
        dag_id=dag_id,
        # A bare cron string would give every run an empty data interval.
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC"),
        start_date=START,
        catchup=False,
        is_paused_upon_creation=False,
        default_args={
            "owner": OWNER,
            "retries": 3,
            "retry_delay": timedelta(seconds=10),
            "retry_exponential_backoff": 2,
            "max_retry_delay": timedelta(minutes=10),
            "execution_timeout": execution_timeout,
        },
        **more,
    )


def _params(kind: LoadKind) -> dict[str, Any]:
    if kind not in PARTITION_SCHEMA:
        return {}
    what = "hour" if kind == "hourly" else "day"
    return {
        "partition": Param(
            None,
            type=["null", "string"],
            **PARTITION_SCHEMA[kind],
            title="Partition",
            description=(
                f"The {what} to load, in UTC, such as {PARTITION_EXAMPLE[kind]}. "
                f"Left empty: the last whole {what}, or the run's own data interval."
            ),
        )
    }
