"""The command status: services, queues, and what became of every message."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from telemetry.cli.arguments import AsJson
from telemetry.cli.deployed import WAREHOUSE, is_local, use_deployment
from telemetry.cli.output import print_json, print_table, results
from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.accounting.status import StreamAccount
    from telemetry.accounting.unmatched import Unmatched
    from telemetry.local.services.emulator import UnmatchedTopic

UNKNOWN = "Messages could not be counted"
COUNTS = ("published", "loaded", "duplicate", "quarantined", "filtered", "in_flight", "unaccounted", "surplus")
METRICS_DELAY = timedelta(minutes=5)
"""CloudWatch has all of AWS's counts of a minute after so long; one without the other would show a difference."""


class Counts(NamedTuple):
    """What was counted, or in ``unknown`` why nothing was. ``topics`` is ``None`` where nobody keeps them: on AWS."""

    accounts: Mapping[str, StreamAccount]
    unmatched: Unmatched | None = None
    topics: list[UnmatchedTopic] | None = None
    unknown: TelemetryError | None = None

    def document(self) -> dict[str, Any]:
        """As ``telemetry status --json`` prints it."""
        topics = None if self.topics is None else [topic._asdict() for topic in self.topics]
        said = self.unmatched and {"since": self.unmatched.since, "messages": self.unmatched.messages, "topics": topics}
        return {
            "streams": {name: one.document() for name, one in self.accounts.items()},
            "unmatched": said,
            "unknown": self.unknown and self.unknown.message,
        }


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(as_json: AsJson = False) -> None:
    """Show services, queues, and what became of every message.

    Exits with code 1 if a service is not healthy or a message is unaccounted for.
    """
    services = _services()
    unhealthy = [name for name, verdict in services.items() if verdict]
    states = {name: verdict or "healthy" for name, verdict in services.items()}
    if not as_json:
        print_table("Services", ({"service": k, "state": v} for k, v in states.items()), ("service", "state"))
    counts = _counts(unhealthy)
    if as_json:
        print_json({"services": states, **counts.document()})
    elif not counts.unknown:
        print_streams(counts.accounts)
        print_lanes(counts.accounts)
        print_unmatched(counts)
    _raise_problems(unhealthy, counts)


def _raise_problems(unhealthy: Sequence[str], counts: Counts) -> None:
    from telemetry.contracts.loader import read_streams

    problems = [(fault.message, fault.hint) for fault in read_streams().faults]
    if unhealthy:
        problems.append((f"Services that are not healthy: {', '.join(unhealthy)}.", "Start them with `telemetry up`."))
    if unknown := counts.unknown:
        problems.append((unknown.message, "" if unhealthy else unknown.hint))
    if incomplete := [name for name, account in counts.accounts.items() if account.unaccounted]:
        problems.append((f"Streams with unaccounted messages: {', '.join(incomplete)}.", ""))
    if problems:
        messages, hints = zip(*problems, strict=True)
        raise TelemetryError("\n".join(messages), " ".join(filter(None, hints)))


def _counts(unhealthy: Sequence[str]) -> Counts:
    """The counts, or the reason why there are none."""
    from botocore.exceptions import BotoCoreError, ClientError
    from psycopg2 import Error as DatabaseError

    if missing := [name for name in WAREHOUSE if name in unhealthy]:
        return Counts({}, unknown=TelemetryError(f"{UNKNOWN} without {' and '.join(missing)}."))
    try:
        return Counts(accounts_now(), *unmatched_now())
    except TelemetryError as error:
        return Counts({}, unknown=TelemetryError(f"{UNKNOWN}: {error.message}", error.hint))
    except (BotoCoreError, ClientError, DatabaseError) as error:
        return Counts({}, unknown=TelemetryError(f"{UNKNOWN}: {type(error).__name__}: {error}".strip()))


def accounts_now() -> Mapping[str, StreamAccount]:
    """The account of every stream."""
    from telemetry.accounting.conservation import count_until_it_adds_up
    from telemetry.accounting.status import account
    from telemetry.config.settings import load_settings
    from telemetry.contracts.loader import read_streams
    from telemetry.warehouse.connection import connect

    deployment = use_deployment()
    with connect(deployment.database_secret) as connection:
        return count_until_it_adds_up(
            lambda: account(read_streams().streams.values(), connection, deployment, load_settings())
        )


def unmatched_now() -> tuple[Unmatched, list[UnmatchedTopic] | None]:
    """The messages of the last day on topics that no stream takes; on the local stack also the topics."""
    from telemetry.accounting.unmatched import count_unmatched
    from telemetry.aws.clients import client
    from telemetry.aws.metrics import MINUTE
    from telemetry.config.settings import load_settings
    from telemetry.contracts.loader import read_streams

    until = datetime.now(UTC) + (MINUTE if is_local() else -METRICS_DELAY)
    unmatched = count_unmatched(client("cloudwatch"), load_settings().names, read_streams().streams, until)
    if not is_local():
        return unmatched, None
    from telemetry.local.services.emulator import unmatched_topics

    topics = unmatched_topics(os.environ["AWS_ENDPOINT_URL"])
    return unmatched, [topic for topic in topics if topic.last_at >= unmatched.since]


def _services() -> dict[str, str | None]:
    """The problem of each local service, by name; ``None`` if it is healthy. On AWS there are none."""
    if not is_local():
        return {}
    from telemetry.local import stack

    services = stack.status()
    return stack.status() if any(services.values()) else services  # a busy service may have missed one check


def print_streams(accounts: Mapping[str, StreamAccount]) -> None:
    """Print one row per stream: its table and its queue."""
    columns = ("readings", "freshness_seconds", "partitions", "queue_depth", "dlq_depth")
    rows = ({"stream": name, **one.document()} for name, one in accounts.items())
    print_table("Streams", rows, ("stream", *columns))


def print_lanes(accounts: Mapping[str, StreamAccount]) -> None:
    """Print one row per stream and lane."""
    print_table("Messages by stream and lane", _lane_rows(accounts), ("stream", "lane", *COUNTS))


def print_unmatched(counts: Counts) -> None:
    """Print how many messages came on topics that no stream takes, and which topics those are, as far as is known."""
    if counts.topics:
        rows = (topic._asdict() for topic in counts.topics)
        print_table("Topics that no stream takes", rows, ("topic", "messages", "first_at", "last_at"))
    if counts.unmatched and counts.unmatched.messages:
        where = "" if counts.topics else " How to find the topics: docs/streams.md, Messages that no stream takes."
        since = f"{counts.unmatched.since:%Y-%m-%d %H:%M} UTC"
        said = f"Since {since}, at least {counts.unmatched.messages:,} messages came on topics that no stream takes."
        results.print(f"{said}{where}", markup=False, soft_wrap=True)


def _lane_rows(accounts: Mapping[str, StreamAccount]) -> Iterator[dict[str, Any]]:
    for name, one in accounts.items():
        for lane, counts in one.document()["lanes"].items():
            yield {"stream": name, "lane": lane, **counts}
