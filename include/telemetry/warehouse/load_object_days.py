"""The table ``load_object_days``: how many messages received on each day the objects of the ledger hold."""

from __future__ import annotations

from typing import NamedTuple

from telemetry.interval import DayRange, Lane
from telemetry.lake.history import NAME
from telemetry.warehouse.connection import Connection, transaction


class Accounted(NamedTuple):
    """Messages in the ledger, and what became of the rows of the objects that hold any of them."""

    messages: int
    loaded: int
    duplicate: int
    quarantined: int
    filtered: int


def count_accounted(
    connection: Connection, stream: str, lane: Lane, *, received: DayRange | None, history: DayRange
) -> Accounted:
    """A lane's messages in the ledger that were received on the days ``received``, or that history objects hold for the
    days ``history``; of no day ``received`` where that is ``None``.
    """
    spans = [days for days in (received, history) if days]
    with transaction(connection) as cursor:
        cursor.execute(
            """SELECT coalesce(sum(days.messages), 0)::bigint, coalesce(sum(loaded), 0)::bigint,
                coalesce(sum(duplicate), 0)::bigint, coalesce(sum(quarantined), 0)::bigint,
                coalesce(sum(filtered), 0)::bigint
            FROM load_objects JOIN (
                SELECT bucket, key, sum(messages) AS messages FROM load_object_days
                WHERE stream = %(stream)s AND lane = %(lane)s AND day BETWEEN %(first)s AND %(last)s AND (
                    day BETWEEN %(received_first)s AND %(received_last)s
                    OR day BETWEEN %(history_first)s AND %(history_last)s AND key ~ %(history_name)s)
                GROUP BY bucket, key
            ) AS days USING (bucket, key)""",
            {
                "stream": stream,
                "lane": lane,
                "first": min(days.first for days in spans),
                "last": max(days.last for days in spans),
                "received_first": received and received.first,
                "received_last": received and received.last,
                "history_first": history.first,
                "history_last": history.last,
                "history_name": NAME.pattern,
            },
        )
        return Accounted(*cursor.fetchall()[0])
