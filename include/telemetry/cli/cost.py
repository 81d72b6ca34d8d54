"""The command cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from telemetry.cli.arguments import AsJson
from telemetry.cli.output import print_json, print_table

if TYPE_CHECKING:
    from telemetry.cost.arrays import Option, Rounding
    from telemetry.cost.estimate import Estimate

MOST_DEVICES = 100_000_000
WIDTH = 12
"""The width of a column of numbers, in characters."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(cost)


def cost(
    devices: Annotated[int, typer.Option("--devices", min=1, max=MOST_DEVICES, help="Number of devices.")],
    interval: Annotated[float, typer.Option("--interval", min=0.01, help="Seconds between two readings of a device.")],
    payload_bytes: Annotated[int, typer.Option("--payload-bytes", min=2, help="Size of one reading as JSON.")] = 250,
    readings_per_message: Annotated[
        int, typer.Option("--readings-per-message", min=1, help="Readings per message. Several are sent as an array.")
    ] = 1,
    composition: Annotated[
        Literal["minimal", "production"], typer.Option("--composition", help="The Terraform composition to estimate.")
    ] = "minimal",
    as_json: AsJson = False,
) -> None:
    """Estimate the monthly cost on AWS in US dollars.

    Uses list prices. Shows the cost of each service, and what you save by sending several readings in one message.
    """
    from telemetry.cost.arrays import options, rounding
    from telemetry.cost.estimate import Estimator
    from telemetry.cost.fleet import Fleet

    fleet = Fleet(devices, interval, payload_bytes, readings_per_message)
    estimator = Estimator(composition)
    estimate, rounded, choices = estimator.estimate(fleet), rounding(estimator, fleet), options(estimator, fleet)
    rates = estimator.rates
    if as_json:
        print_json(
            {
                "region": rates.region,
                "currency": rates.currency,
                "composition": composition,
                "total": estimate.total,
                "services": estimate.services(),
                "lines": [line._asdict() for line in estimate.lines],
                "firehose_rounding": rounded._asdict(),
                "options": [option._asdict() for option in choices],
            }
        )
        return
    _print_services(estimate)
    _print_rounding(rounded)
    _print_options(choices)
    read = max(source.read for source in rates.sources.values())
    print(
        f"List prices of {rates.region}, read on {read} (include/cost/rates.yaml). docs/cost.md lists what is left out."
    )


def _print_services(estimate: Estimate) -> None:
    fleet = estimate.fleet
    print(
        f"{fleet.devices:,} devices, each with a reading of {fleet.payload_bytes:,} bytes every "
        f"{fleet.interval_seconds:g} s. Readings per message: {fleet.readings_per_message:,}. "
        f"Composition: {estimate.composition}.\n"
    )
    costs = {**estimate.services(), "total": estimate.total}
    _print("USD per month", [{"service": name, "USD": _number(usd)} for name, usd in costs.items()])


def _print_rounding(rounded: Rounding) -> None:
    row = {
        "what": "records",
        "bytes each": f"{rounded.record_bytes:,}",
        "GB sent": _number(rounded.sent_gb),
        "GB billed": _number(rounded.billed_gb),
        "USD": _number(rounded.usd),
        "for rounding": _number(rounded.rounding_usd),
    }
    _print("Firehose bills every record in steps of 5 KB", [row])


def _print_options(choices: list[Option]) -> None:
    rows = [
        {
            "per message": f"{option.readings_per_message:,}",
            "sent every": f"{option.message_every_seconds:,g} s",
            "Firehose GB": _number(option.firehose_gb),
            "Firehose": _number(option.firehose),
            "IoT Core": _number(option.iot_core),
            "total": _number(option.total),
            "saved": _number(option.saved),
        }
        for option in choices
    ]
    _print("Several readings per message, sent as an array (USD per month)", rows)


def _print(title: str, rows: list[dict[str, str]]) -> None:
    """Print a table with all columns but the first aligned to the right."""
    first, *others = rows[0]
    padded = [{first: row[first], **{name.rjust(WIDTH): row[name].rjust(WIDTH) for name in others}} for row in rows]
    print_table(title, padded, list(padded[0]))


def _number(number: float) -> str:
    return f"{number:,.2f}"
