"""AWS's list prices: ``include/cost/rates.yaml``."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from telemetry.paths import INCLUDE
from telemetry.yaml_documents import StrictModel, load_document

RATES = INCLUDE / "cost" / "rates.yaml"
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Address = Annotated[str, Field(pattern=r"^https://")]


class Source(StrictModel):
    """Where and when prices were read, and how far they can be trusted."""

    read: date
    url: Address
    says: str


class Tier(StrictModel):
    """A price that holds up to a quantity of the month; the last tier has no end."""

    usd: Price
    up_to: Annotated[float, Field(gt=0)] | None = None


class Rate(StrictModel):
    """The price of ``per`` units in US dollars: a single one, or one for each tier."""

    usd: Price | None = None
    tiers: tuple[Tier, ...] = ()
    per: Annotated[float, Field(gt=0)]
    unit: str
    seen: str
    page: Address

    @model_validator(mode="after")
    def _has_a_price_for_every_quantity(self) -> Self:
        if (self.usd is None) != bool(self.tiers):
            raise ValueError("it needs usd, or tiers")
        ends = [tier.up_to for tier in self.tiers[:-1]]
        bounds = [end for end in ends if end is not None]
        if len(bounds) < len(ends) or bounds != sorted(bounds) or (self.tiers and self.tiers[-1].up_to is not None):
            raise ValueError("tiers: each but the last one has its up_to, in ascending order")
        return self

    def cost(self, quantity: float) -> float:
        """Return the cost of ``quantity`` units in a month, in US dollars."""
        total = start = 0.0
        for tier in self.tiers or (Tier(usd=self.usd or 0.0),):
            end = quantity if tier.up_to is None else min(quantity, tier.up_to)
            total += max(0.0, end - start) * tier.usd / self.per
            start = end
        return total


class Rates(StrictModel):
    """All rates."""

    region: str
    currency: str
    sources: dict[str, Source]
    rates: dict[str, Rate]

    @model_validator(mode="after")
    def _every_rate_has_a_source(self) -> Self:
        unknown = sorted({rate.seen for rate in self.rates.values()} - self.sources.keys())
        if unknown:
            raise ValueError(f"rates: seen in {', '.join(unknown)}, which is not among the sources")
        return self


def load_rates() -> Rates:
    """Read the rates.

    Raises:
        TelemetryError: with ``FILE:LINE: FIELD: what is wrong`` for every fault.
    """
    return load_document(RATES, Rates)
