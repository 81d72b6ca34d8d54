"""Tasks that sense whether there is anything to load. They succeed, or are skipped with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from telemetry.config.deployment import Deployment
from telemetry.config.settings import load_settings
from telemetry.etl.hours import hours_of, list_objects
from telemetry.interval import HOUR
from telemetry_airflow.intervals import interval_in, settled_at
from telemetry_airflow.triggers import SHORTEST_WAIT

if TYPE_CHECKING:
    from telemetry.warehouse.ledger import LoadKind

QUIET: Final = "quiet"
"""The XCom in which a sensing task that is skipped puts why."""


class _SensingOperator(BaseOperator):
    """The base of both: the stream, the hours where ExtractData will look, and how a task is skipped."""

    def __init__(self, *, stream: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stream = stream

    def hours(self, context: Context, kind: LoadKind) -> list[datetime]:
        """The hours at which the run's load is to look."""
        look_back_hours = load_settings().schedules.look_back_hours
        interval = interval_in(context, self.stream, kind)
        return hours_of(kind, interval, look_back_hours=look_back_hours, now=datetime.now(UTC))

    def count_objects(self, kind: LoadKind, hours: list[datetime]) -> tuple[int, int]:
        """The objects of those hours: how many there are, and how many of them the ledger lacks."""
        from telemetry.aws.clients import client
        from telemetry.warehouse.connection import connect
        from telemetry.warehouse.load_objects import objects_not_loaded

        deployment = Deployment.from_environment()
        there = lacking = 0
        with connect(deployment.database_secret) as connection:
            for listed in list_objects(client("s3"), deployment.raw_bucket, self.stream, kind, hours):
                there += len(listed)
                lacking += len(objects_not_loaded(connection, listed))
        return there, lacking

    def skip(self, context: Context, why: str) -> NoReturn:
        """End the task as skipped, with the reason where ``record_load`` finds it."""
        context["ti"].xcom_push(QUIET, why)
        raise AirflowSkipException(why)


class AwaitHourOperator(_SensingOperator):
    """Waits until an hour partition is settled, as Firehose has delivered it, and looks once what is to be loaded.

    That is what the ledger lacks of the hour and of the hours that its load looks back to. Returns the number of
    objects. Waits in the triggerer; an hour that is settled already is looked at straight away. The look is a worker's,
    for it asks the warehouse, which would hold up every other trigger.
    """

    def execute(self, context: Context) -> int:
        """See the class.

        Raises:
            AirflowSkipException: nothing arrived, or all of it is loaded.
            AirflowFailException: the run's ``partition`` is no hour.
        """
        interval = interval_in(context, self.stream, "hourly")
        settled = settled_at(interval, context["dag_run"].run_after, load_settings().partition_grace)
        if settled > (now := datetime.now(UTC)):
            self.log.info("The hour from %s is settled at %s.", interval.start, settled)
            self.defer(trigger=DateTimeTrigger(max(settled, now + SHORTEST_WAIT)), method_name="look")
        return self.look(context)

    def look(self, context: Context, event: object = None) -> int:
        """Continue ``execute`` after the hour is settled."""
        hours = self.hours(context, "hourly")
        there, lacking = self.count_objects("hourly", hours)
        if lacking:
            return lacking
        span = f"from {hours[0]:%Y-%m-%dT%H:%MZ} to {hours[-1] + HOUR:%Y-%m-%dT%H:%MZ}"
        all_loaded = f"All objects ({there:,}) that arrived {span} are loaded already."
        return self.skip(context, all_loaded if there else f"Nothing arrived {span}.")


class CheckQueueOperator(_SensingOperator):
    """Looks once whether there is anything to load: messages in the stream's queue, or objects that a drain wrote and
    no load took. Returns the number of messages. SQS counts approximately: one it overlooks waits for the next tick.
    """

    def execute(self, context: Context) -> int:
        """See the class.

        Raises:
            AirflowSkipException: there is nothing.
        """
        from telemetry.aws.clients import client
        from telemetry.aws.queues import queue_url, visible_messages

        sqs, name = client("sqs"), load_settings().names.queue(self.stream)
        if messages := visible_messages(sqs, queue_url(sqs, name)):
            return messages
        _, lacking = self.count_objects("queue", self.hours(context, "queue"))
        if not lacking:
            self.skip(context, f"The queue {name} is empty, and all that was drained from it is loaded.")
        self.log.info("%d objects of the queue lane are not loaded yet.", lacking)
        return 0
