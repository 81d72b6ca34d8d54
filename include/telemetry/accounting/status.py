"""What became of every message: published = loaded + duplicate + quarantined + in flight, by stream and lane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from psycopg2 import sql

from telemetry.accounting.unloaded import Objects
from telemetry.aws import metrics
from telemetry.aws.clients import client
from telemetry.aws.metrics import FIREHOSE_TRIES, MINUTE, first_day
from telemetry.aws.queues import depth, queue_url
from telemetry.config.deployment import Deployment
from telemetry.config.names import Names
from telemetry.config.settings import Settings
from telemetry.contracts.model import Stream
from telemetry.interval import Interval, Lane
from telemetry.lake.history import NAME
from telemetry.warehouse import ledger
from telemetry.warehouse.connection import Connection, transaction

RECOUNTS = 3


@dataclass(frozen=True)
class LaneAccount:
    """One lane's messages; ``messages`` are those of the ledger's objects, whose rows the next three count.

    All of them are of the days of which CloudWatch knows what was published, or of history objects.
    """

    published: int
    messages: int
    loaded: int
    duplicate: int
    quarantined: int
    in_flight: int

    @property
    def unaccounted(self) -> int:
        """Published, but neither in the ledger nor in flight. Anything but 0 is a loss, or a message counted twice."""
        return self.published - self.messages - self.in_flight

    def document(self) -> dict[str, int]:
        """As ``telemetry status --json`` prints it."""
        names = ("published", "loaded", "duplicate", "quarantined", "in_flight", "unaccounted")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class StreamAccount:
    """One stream: its table, its queue, and its lanes by name. ``freshness_seconds`` is the newest reading's age."""

    readings: int
    freshness_seconds: float | None
    partitions: int
    queue_depth: int
    dlq_depth: int
    lanes: Mapping[Lane, LaneAccount]

    @property
    def in_flight(self) -> int:
        """Of both lanes."""
        return sum(lane.in_flight for lane in self.lanes.values())

    @property
    def unaccounted(self) -> bool:
        """Whether a message of either lane is."""
        return any(lane.unaccounted for lane in self.lanes.values())

    def document(self) -> dict[str, Any]:
        """As ``telemetry status --json`` prints it."""
        names = ("readings", "freshness_seconds", "partitions", "queue_depth", "dlq_depth")
        lanes = {name.value: lane.document() for name, lane in self.lanes.items()}
        return {**{name: getattr(self, name) for name in names}, "lanes": lanes}


def account(
    streams: Iterable[Stream], connection: Connection, deployment: Deployment, settings: Settings
) -> dict[str, StreamAccount]:
    """Count every stream's messages where they are: those that were received since ``first_day``, and all history.

    Of the days before, CloudWatch does not know what was published. It is minutes late on AWS, and places are counted
    one after the other: ``unaccounted`` means something once no message has come, and no load has run, for as long.
    """
    streams, now = list(streams), datetime.now(UTC)
    names = [stream.stream for stream in streams]
    metrics_by_stream = {name: metrics.published(settings.names, name) for name in names}
    published = metrics.sums(
        client("cloudwatch"), metrics_by_stream.values(), Interval.day(first_day(now)).start, now + MINUTE
    )
    buffered = metrics.buffered(
        client("cloudwatch"), settings.names, names, until=now + MINUTE, now=now, held=FIREHOSE_TRIES
    )
    accountant = _Accountant(connection, deployment, settings.names, first_day(now))
    return {
        one.stream: accountant.count(one, published[metrics_by_stream[one.stream]], buffered[one.stream])
        for one in streams
    }


def settled_account(
    streams: Iterable[Stream], connection: Connection, deployment: Deployment, settings: Settings
) -> dict[str, StreamAccount]:
    """``account``, taken again, up to ``RECOUNTS`` times, while a message is unaccounted for: it may be on its way."""
    streams = list(streams)
    for _ in range(RECOUNTS):
        accounts = account(streams, connection, deployment, settings)
        if not any(one.unaccounted for one in accounts.values()):
            break
    return accounts


class _Table(NamedTuple):
    """A stream's table: the number of readings, and the newest event time."""

    readings: int
    newest: datetime | None


class _Ledger(NamedTuple):
    """What the ledger has of one lane's messages."""

    messages: int = 0
    loaded: int = 0
    duplicate: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class _Accountant:
    """Counts a stream's messages that were received on the day ``first`` or later, and its history."""

    connection: Connection
    deployment: Deployment
    names: Names
    first: date

    def count(self, stream: Stream, published: int, buffered: int) -> StreamAccount:
        """The account; ``buffered`` is what Firehose may still hold.

        Places are counted in the order in which messages pass them, the ledger last: none slips through.
        """
        name = stream.stream
        waiting, dead = self._depths(name)
        objects = Objects(self.connection, client("s3"), self.deployment.raw_bucket, name)
        lake, queue = (objects.since(lane, self.first) for lane in (Lane.lake, Lane.queue))
        ids = queue.ids - ledger.known_messages(self.connection, queue.ids)
        loaded, table = self._ledger(name), self._table(stream)
        return StreamAccount(
            readings=table.readings,
            freshness_seconds=_age(table.newest),
            partitions=self._partitions(name),
            queue_depth=waiting,
            dlq_depth=dead,
            lanes={
                Lane.lake: LaneAccount(
                    published + lake.history,
                    *loaded.get(Lane.lake, _Ledger()),
                    in_flight=buffered + len(lake.ids) + lake.without_id,
                ),
                Lane.queue: LaneAccount(
                    published,
                    *loaded.get(Lane.queue, _Ledger()),
                    in_flight=waiting + dead + len(ids) + queue.without_id,
                ),
            },
        )

    def _depths(self, stream: str) -> tuple[int, int]:
        """Of the queue and of the dead-letter queue."""
        sqs = client("sqs")
        queue, dead = self.names.queue(stream), self.names.dead_letter_queue(stream)
        return depth(sqs, queue_url(sqs, queue)), depth(sqs, queue_url(sqs, dead))

    def _ledger(self, stream: str) -> dict[Lane, _Ledger]:
        """By lane, the messages that count, and the rows of the objects that hold any."""
        with transaction(self.connection) as cursor:
            cursor.execute(
                """SELECT lane, sum(days.messages)::bigint, sum(loaded)::bigint, sum(duplicate)::bigint,
                    sum(quarantined)::bigint
                FROM load_objects JOIN (
                    SELECT bucket, key, sum(messages) AS messages FROM load_object_days
                    WHERE stream = %(stream)s AND (day >= %(first)s OR key ~ %(history)s) GROUP BY bucket, key
                ) AS days USING (bucket, key) GROUP BY lane""",
                {"stream": stream, "first": self.first, "history": NAME.pattern},
            )
            return {Lane(lane): _Ledger(*counts) for lane, *counts in cursor}

    def _partitions(self, stream: str) -> int:
        with transaction(self.connection) as cursor:
            cursor.execute("SELECT count(DISTINCT partition_start) FROM load_objects WHERE stream = %s", [stream])
            return int(cursor.fetchall()[0][0])

    def _table(self, stream: Stream) -> _Table:
        """A new stream has no table yet."""
        with transaction(self.connection) as cursor:
            cursor.execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", [stream.table])
            if cursor.fetchall() == [(False,)]:
                return _Table(0, None)
            cursor.execute(sql.SQL("SELECT count(*), max(event_time) FROM {}").format(sql.Identifier(stream.table)))
            return _Table(*cursor.fetchall()[0])


def _age(moment: datetime | None) -> float | None:
    return round((datetime.now(UTC) - moment).total_seconds(), 1) if moment else None
