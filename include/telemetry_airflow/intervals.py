"""The interval that a DAG run loads: its data interval, its parameter ``partition``, or the time of its trigger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow.sdk.exceptions import AirflowFailException

from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.errors import TelemetryError
from telemetry.interval import HOUR, Interval

if TYPE_CHECKING:
    from airflow.sdk import Context

    from telemetry.warehouse.ledger import LoadKind

DAY: Final = timedelta(days=1)

PARTITION_SCHEMA: Final[dict[LoadKind, dict[str, Any]]] = {
    "hourly": {"pattern": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])$"},
    "daily": {"format": "date"},
}
PARTITION_EXAMPLE: Final[dict[LoadKind, str]] = {"hourly": "2020-07-13T05", "daily": "2020-07-13"}


class Run(Protocol):
    """The attributes needed of a DAG run, which Airflow's own in a task's context has."""

    @property
    def data_interval_start(self) -> datetime | None: ...
    @property
    def data_interval_end(self) -> datetime | None: ...
    @property
    def run_after(self) -> datetime: ...


def interval_of(stream: str, kind: LoadKind, run: Run, partition: str | None = None) -> Interval:
    """The interval that a DAG run of that kind loads; the same for every task and every retry of the run.

    A ``partition`` (UTC, as in ``PARTITION_EXAMPLE``) wins. Else it is the hour or the day that holds the start of the
    run's data interval, or the queue's tick as the timetable has it. A run that has no data interval, triggered by hand
    without a date, takes the last whole hour or day before it was asked, or the queue's tick of that moment.

    Raises:
        TelemetryError: ``partition`` is no hour, or no day, of the calendar.
    """
    if partition:
        return _named(kind, partition)
    start, end = run.data_interval_start, run.data_interval_end
    if kind == "queue":
        return Interval(start, end) if start and end else _tick(stream, run.run_after)
    if kind == "hourly":
        return Interval.hour(start or run.run_after - HOUR)
    return Interval.day((start or run.run_after - DAY).astimezone(UTC).date())


def interval_in(context: Context, stream: str, kind: LoadKind) -> Interval:
    """``interval_of`` the run of a task's context.

    Raises:
        AirflowFailException: the run's ``partition`` is none: a retry would not mend the calendar.
    """
    try:
        return interval_of(stream, kind, context["dag_run"], context["params"].get("partition"))
    except TelemetryError as error:
        raise AirflowFailException(str(error)) from error


def settled_at(interval: Interval, asked: datetime, grace: timedelta) -> datetime:
    """Return when everything that arrived within ``interval`` is in S3: ``grace`` after the interval's end.

    A run ``asked`` for while the interval still lasts waits for what had arrived by then, not for the interval's end.
    """
    return min(interval.end, asked) + grace


def _tick(stream: str, moment: datetime) -> Interval:
    return Interval.tick(load_settings().for_stream(find_stream(stream)).schedules.queue, moment)


def _named(kind: LoadKind, partition: str) -> Interval:
    try:
        if kind == "hourly":
            return Interval.hour(datetime.strptime(partition, "%Y-%m-%dT%H").replace(tzinfo=UTC))
        return Interval.day(date.fromisoformat(partition))
    except (ValueError, OverflowError) as error:
        what = "hour" if kind == "hourly" else "day"
        raise TelemetryError(
            f"partition: {partition!r} is not a valid {what}.", f"Example: {PARTITION_EXAMPLE[kind]}."
        ) from error
