"""How things are: services, queues, and what became of every message."""

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

UNKNOWN = "What became of the messages is not known"
COUNTS = ("published", "loaded", "duplicate", "quarantined", "filtered", "in_flight", "unaccounted")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(as_json: AsJson = False) -> None:
    """Show services, queues, and what became of every message. Exits 1 where something is wrong."""
    services = _services()
    ill = [name for name, verdict in services.items() if verdict]
    states = {name: verdict or "healthy" for name, verdict in services.items()}
    if not as_json:
        print_table("Services", ({"service": k, "state": v} for k, v in states.items()), ("service", "state"))
    accounts, unknown = _accounts(ill)
    if as_json:
        streams = {name: one.document() for name, one in accounts.items()}
        print_json({"services": states, "streams": streams, "unknown": unknown and unknown.message})
    elif not unknown:
        print_streams(accounts)
        print_lanes(accounts)
    _raise_what_is_wrong(ill, accounts, unknown)


def _raise_what_is_wrong(
    ill: Sequence[str], accounts: Mapping[str, StreamAccount], unknown: TelemetryError | None
) -> None:
    from telemetry.contracts.loader import read_streams

    lost = [name for name, one in accounts.items() if one.unaccounted]
    wrong = [
        (f"Not healthy: {', '.join(ill)}.", "`telemetry up` starts what does not run.") if ill else None,
        (unknown.message, "" if ill else unknown.hint) if unknown else None,
        (f"Messages are unaccounted for: {', '.join(lost)}.", "") if lost else None,
        *((fault.message, fault.hint) for fault in read_streams().faults),
    ]
    if told := [one for one in wrong if one]:
        raise TelemetryError("\n".join(message for message, _ in told), " ".join(hint for _, hint in told if hint))


def _accounts(ill: Sequence[str]) -> tuple[Mapping[str, StreamAccount], TelemetryError | None]:
    """The accounts, or why they are not known."""
    from botocore.exceptions import BotoCoreError, ClientError
    from psycopg2 import Error as DatabaseError

    if dead := [name for name in WAREHOUSE if name in ill]:
        return {}, TelemetryError(f"{UNKNOWN}: they are counted with {' and '.join(dead)}.")
    try:
        return accounts_now(), None
    except TelemetryError as error:
        return {}, TelemetryError(f"{UNKNOWN}: {error.message}", error.hint)
    except (BotoCoreError, ClientError, DatabaseError) as error:
        return {}, TelemetryError(f"{UNKNOWN}: {type(error).__name__}: {error}".strip())


def accounts_now() -> Mapping[str, StreamAccount]:
    """Every stream's account, counted again where it does not add up: a message on its way may be missed."""
    from telemetry.accounting.conservation import count_until_it_adds_up
    from telemetry.accounting.status import account
    from telemetry.config.settings import load_settings
    from telemetry.contracts.loader import read_streams
    from telemetry.warehouse.connection import connect

    deployment = use_deployment()
    with connect(deployment.database_secret) as connection:
        streams = read_streams().streams.values()
        return count_until_it_adds_up(lambda: account(streams, connection, deployment, load_settings()))


def _services() -> dict[str, str | None]:
    """By name, what is wrong. On AWS there are none of ours: services there have their own pages."""
    if not is_local():
        return {}
    from telemetry.local import stack

    services = stack.status()
    return stack.status() if any(services.values()) else services  # one that is busy may miss a question


def print_streams(accounts: Mapping[str, StreamAccount]) -> None:
    """A row a stream: its table and its queue."""
    columns = ("readings", "freshness_seconds", "partitions", "queue_depth", "dlq_depth")
    rows = ({"stream": name, **one.document()} for name, one in accounts.items())
    print_table("Streams", rows, ("stream", *columns))


def print_lanes(accounts: Mapping[str, StreamAccount]) -> None:
    """A row a stream and lane: published = loaded + duplicate + quarantined + filtered + in flight."""
    print_table("Messages by stream and lane", _lane_rows(accounts), ("stream", "lane", *COUNTS))


def _lane_rows(accounts: Mapping[str, StreamAccount]) -> Iterator[dict[str, Any]]:
    for name, one in accounts.items():
        for lane, counts in one.document()["lanes"].items():
            yield {"stream": name, "lane": lane, **counts}
