"""A closed day described in words for a log, from the result of DataQualityFunction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]


def describe(closed: Document) -> str:
    """The checks and the reconciliation as tables; what devices named themselves is escaped."""
    return "\n".join(_lines(closed))


def missing(closed: Document) -> list[str]:
    """Say what is unaccounted for, one sentence for each lane, and what to do next; empty if the day adds up."""
    lanes = [lane for lane in closed["reconciliations"] if lane["unaccounted"]]
    return [*map(_sentence, lanes), *([_advice(closed["stream"])] if lanes else [])]


def _lines(closed: Document) -> Iterator[str]:
    yield f"{closed['stream']}, {closed['day']}: {closed['devices']} devices with readings."
    checks = [("check", "of", "observed", "low", "high", "")]
    checks += [
        (
            check["check_name"],
            check["subject"],
            _number(check["observed"]),
            _number(check["low"]),
            _number(check["high"]),
            "passed" if check["passed"] else "FAILED",
        )
        for check in closed["checks"]
    ]
    yield from _table(checks)
    if closed["silent"]:
        yield f"Silent devices, the first of them: {', '.join(map(json.dumps, closed['silent']))}"
    counts = ("published", "received_before", "counted_after", "accounted", "in_flight", "unaccounted", "surplus")
    lanes = [("lane", *(count.replace("_", " ") for count in counts))]
    lanes += [(lane["lane"], *(f"{lane[count]:,}" for count in counts)) for lane in closed["reconciliations"]]
    yield from _table(lanes)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if value < 1 else f"{value:,.1f}".removesuffix(".0")


def _sentence(lane: Document) -> str:
    return (
        f"{lane['stream']}, {lane['day']}, {lane['lane']} lane: {lane['unaccounted']:,} unaccounted "
        f"({lane['published']:,} published, {lane['accounted']:,} in the ledger, {lane['in_flight']:,} in flight)."
    )


def _advice(stream: str) -> str:
    return (
        f"Look for them in the raw bucket under rule-errors/{stream}/ and raw-errors/{stream}/, "
        "then clear close_day to count again."
    )
