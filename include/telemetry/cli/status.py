"""The command status: services, queues, and what became of every message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from telemetry.cli.arguments import AsJson
from telemetry.cli.deployed import WAREHOUSE, is_local, use_deployment
from telemetry.cli.output import print_json, print_table
from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.accounting.status import StreamAccount

UNKNOWN = "Messages could not be counted"
COUNTS = ("published", "loaded", "duplicate", "quarantined", "filtered", "in_flight", "unaccounted", "surplus")


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
    accounts, unknown = _accounts(unhealthy)
    if as_json:
        streams = {name: one.document() for name, one in accounts.items()}
        print_json({"services": states, "streams": streams, "unknown": unknown and unknown.message})
    elif not unknown:
        print_streams(accounts)
        print_lanes(accounts)
    _raise_problems(unhealthy, accounts, unknown)


def _raise_problems(
    unhealthy: Sequence[str], accounts: Mapping[str, StreamAccount], unknown: TelemetryError | None
) -> None:
    from telemetry.contracts.loader import read_streams

    problems = [(fault.message, fault.hint) for fault in read_streams().faults]
    if unhealthy:
        problems.append((f"Services that are not healthy: {', '.join(unhealthy)}.", "Start them with `telemetry up`."))
    if unknown:
        problems.append((unknown.message, "" if unhealthy else unknown.hint))
    if incomplete := [name for name, account in accounts.items() if account.unaccounted]:
        problems.append((f"Streams with unaccounted messages: {', '.join(incomplete)}.", ""))
    if problems:
        messages, hints = zip(*problems, strict=True)
        raise TelemetryError("\n".join(messages), " ".join(filter(None, hints)))


def _accounts(unhealthy: Sequence[str]) -> tuple[Mapping[str, StreamAccount], TelemetryError | None]:
    """The accounts, or the reason why there are none."""
    from botocore.exceptions import BotoCoreError, ClientError
    from psycopg2 import Error as DatabaseError

    if missing := [name for name in WAREHOUSE if name in unhealthy]:
        return {}, TelemetryError(f"{UNKNOWN} without {' and '.join(missing)}.")
    try:
        return accounts_now(), None
    except TelemetryError as error:
        return {}, TelemetryError(f"{UNKNOWN}: {error.message}", error.hint)
    except (BotoCoreError, ClientError, DatabaseError) as error:
        return {}, TelemetryError(f"{UNKNOWN}: {type(error).__name__}: {error}".strip())


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


def _lane_rows(accounts: Mapping[str, StreamAccount]) -> Iterator[dict[str, Any]]:
    for name, one in accounts.items():
        for lane, counts in one.document()["lanes"].items():
            yield {"stream": name, "lane": lane, **counts}
