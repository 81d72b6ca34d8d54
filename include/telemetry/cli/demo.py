"""The command demo."""

from __future__ import annotations

import os
import time

import typer

from telemetry.cli.deployed import EVERYTHING, is_local, use_deployment
from telemetry.cli.output import note, print_table
from telemetry.cli.runs import load_runner
from telemetry.cli.status import print_lanes
from telemetry.errors import TelemetryError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo() -> None:
    """Run the whole pipeline and account for every message.

    Publishes messages, fills two past days, and loads everything. Exits with code 1 if a message is missing.
    """
    from telemetry.local.demo import ROW_COUNTS, Demo

    if not is_local():
        raise TelemetryError("The demo runs only on the local stack.", "Unset TELEMETRY_RAW_BUCKET.")
    deployment, started = use_deployment(EVERYTHING), time.monotonic()

    def tell(line: str) -> None:
        note(f"{time.monotonic() - started:4.0f} s  {line}")

    with load_runner() as loads:
        demo = Demo(deployment, loads, tell)
        failed = demo.run()
    accounts = demo.final_accounts()
    columns = ("stream", "partition", "lane", "messages", *ROW_COUNTS)
    print_table("Messages by stream and partition", demo.partition_rows(), columns)
    print_lanes(accounts)
    incomplete = [name for name, account in accounts.items() if not account.at_rest]
    if incomplete:
        raise TelemetryError(
            f"Not every message of {', '.join(incomplete)} is accounted for.", "Count again with `telemetry status`."
        )
    print("Published = loaded + duplicate + quarantined, for every stream and lane.")
    url, user, password = (os.environ[f"TELEMETRY_AIRFLOW_{name}"] for name in ("URL", "USER", "PASSWORD"))
    print(f"Airflow: {url} (user {user}, password {password})")
    if failed:
        raise TelemetryError(
            f"{failed} parts of the demo failed; the errors are shown above.",
            "Check this machine with `telemetry doctor`.",
        )
