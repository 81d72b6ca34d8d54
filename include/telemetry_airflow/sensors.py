"""Is there anything to load? A sensing task succeeds, or is skipped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from telemetry.config.deployment import Deployment
from telemetry.config.settings import load_settings
from telemetry.interval import HOUR, Interval
from telemetry.lake.layout import queue_prefix, raw_prefix
from telemetry_airflow.intervals import interval_in, settled_at
from telemetry_airflow.triggers import PartitionTrigger, count_objects

QUIET: Final = "quiet"
"""The XCom in which a sensing task puts what to say of the load, should the task be skipped."""


class PartitionSensor(BaseSensorOperator):
    """Waits until an hour partition is settled: ``grace`` after the hour, for Firehose's buffer and its delivery.

    Looks at the hour and at the ``look_back_hours`` before it, as ExtractData does for late objects. Returns the number
    of objects. Waits in the triggerer; an hour that is settled already is looked at straight away.
    """

    def __init__(self, *, stream: str, grace: timedelta, look_back_hours: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stream = stream
        self.grace = grace
        self.look_back_hours = look_back_hours

    def execute(self, context: Context) -> int:
        """See the class.

        Raises:
            AirflowSkipException: nothing arrived.
            AirflowFailException: the run's ``partition`` is no hour.
        """
        interval = interval_in(context, "hourly")
        settled = settled_at(interval, context["dag_run"].run_after, self.grace)
        looked_at = Interval(interval.start - self.look_back_hours * HOUR, interval.end)
        bucket = Deployment.from_environment().raw_bucket
        prefixes = [raw_prefix(self.stream, hour) for hour in looked_at.hours()]
        # Pushed before waiting: what a trigger pushes arrives encoded twice (Airflow 3.3.1).
        quiet = f"Nothing arrived from {looked_at.start:%Y-%m-%dT%H:%MZ} to {looked_at.end:%Y-%m-%dT%H:%MZ}."
        context["ti"].xcom_push(QUIET, quiet)
        if settled > datetime.now(UTC):
            self.log.info("The hour from %s is settled at %s.", interval.start, settled)
            trigger = PartitionTrigger(bucket=bucket, prefixes=prefixes, settled_at=settled.isoformat())
            self.defer(trigger=trigger, method_name="resumed")
        objects = asyncio.run(count_objects(bucket, prefixes))
        if not objects:
            raise AirflowSkipException(quiet)
        return objects

    def resumed(self, context: Context, event: Any = None) -> NoReturn:
        """Never called: the trigger ends the task."""
        raise NotImplementedError


class QueueSensor(BaseSensorOperator):
    """Looks once whether there is anything to load: messages in the stream's queue, or objects that a drain wrote and
    no load took. Returns the number of messages. SQS counts approximately: one it overlooks waits for the next tick.
    """

    def __init__(self, *, stream: str, look_back_hours: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stream = stream
        self.look_back_hours = look_back_hours

    def execute(self, context: Context) -> int:
        """See the class.

        Raises:
            AirflowSkipException: there is nothing.
        """
        from telemetry.aws.clients import client

        sqs, name = client("sqs"), load_settings().names.queue(self.stream)
        attribute = "ApproximateNumberOfMessages"
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        messages = int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"][attribute])
        if not messages and not self._left_behind(interval_in(context, "queue")):
            quiet = f"The queue {name} is empty."
            context["ti"].xcom_push(QUIET, quiet)
            raise AirflowSkipException(quiet)
        return messages

    def _left_behind(self, interval: Interval) -> int:
        """How many queue objects, of the hours where ExtractData looks for them, the ledger lacks."""
        from telemetry.warehouse.connection import connect
        from telemetry.warehouse.ledger import counts

        now, deployment = datetime.now(UTC), Deployment.from_environment()
        hours = {*interval.hours(), *Interval(now - self.look_back_hours * HOUR, now + HOUR).hours()}
        prefixes = [queue_prefix(self.stream, hour) for hour in sorted(hours)]
        written = asyncio.run(count_objects(deployment.raw_bucket, prefixes))
        with connect(deployment.database_secret) as connection:
            partitions = counts(connection, stream=self.stream, start=min(hours), end=max(hours) + HOUR)
        loaded = sum(one.objects for one in partitions if one.lane == "queue" and one.partition_start in hours)
        if written > loaded:
            self.log.info("%d objects of the queue lane are not loaded yet.", written - loaded)
        return max(0, written - loaded)
