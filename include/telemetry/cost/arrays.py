"""The cost of Firehose's billing steps of 5 KB, and the savings of sending several readings in a message."""

from __future__ import annotations

from typing import NamedTuple

from telemetry.cost.estimate import Estimate, Estimator, billed_gb, sent_gb
from telemetry.cost.fleet import MESSAGE_BYTES_MAX, STEP_BYTES, Fleet, envelope_bytes, traffic

READINGS = (1, 2, 5, 10, 20, 50, 100)


class Rounding(NamedTuple):
    """A month of Firehose: GB sent and billed, the cost in US dollars, and how much of that is for rounding up."""

    record_bytes: int
    sent_gb: float
    billed_gb: float
    usd: float
    rounding_usd: float


class Option(NamedTuple):
    """A month's costs in US dollars for a number of readings in a message; ``saved`` compares with one in each."""

    readings_per_message: int
    message_every_seconds: float
    firehose_gb: float
    iot_core: float
    firehose: float
    total: float
    saved: float


def rounding(estimator: Estimator, fleet: Fleet) -> Rounding:
    """Compute what Firehose costs ``fleet`` a month, and how much of that is for rounding records up to steps."""
    month = traffic(fleet, estimator.usage.month_hours, estimator.topic)
    sent, billed, rate = sent_gb(month), billed_gb(month), estimator.rates.rates["firehose_ingest"]
    return Rounding(month.record_bytes, sent, billed, rate.cost(billed), rate.cost(billed) - rate.cost(sent))


def options(estimator: Estimator, fleet: Fleet) -> list[Option]:
    """Estimate a month with several numbers of readings in a message, in ascending order.

    Among them are the fleet's own number, and the most readings whose record is billed as one step.
    """
    numbers = {number for number in READINGS if number <= fleet.most_readings(MESSAGE_BYTES_MAX)}
    numbers |= {fleet.readings_per_message, most_in_a_step(fleet, estimator.topic)}
    single = estimator.estimate(fleet.with_readings(1))
    return [_option(estimator, estimator.estimate(fleet.with_readings(number)), single) for number in sorted(numbers)]


def most_in_a_step(fleet: Fleet, topic: str) -> int:
    """Return the most readings in a message whose record is billed as one step, but at least 1."""
    return fleet.most_readings((STEP_BYTES - envelope_bytes(0, topic)) // 4 * 3)


def _option(estimator: Estimator, estimate: Estimate, single: Estimate) -> Option:
    fleet = estimate.fleet
    return Option(
        readings_per_message=fleet.readings_per_message,
        message_every_seconds=fleet.interval_seconds * fleet.readings_per_message,
        firehose_gb=rounding(estimator, fleet).billed_gb,
        iot_core=estimate.of("IoT Core"),
        firehose=estimate.of("Firehose"),
        total=estimate.total,
        saved=single.total - estimate.total,
    )
