"""Arguments and options that several commands share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer


def parse_day(text: str) -> date:
    """Parse a day, such as ``2026-03-01``."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a valid day. Example: 2026-03-01.") from None


def parse_hour(text: str) -> datetime:
    """Parse an hour in UTC, such as ``2026-03-01T07``, or ``now`` for the current hour."""
    try:
        hour = datetime.now(UTC) if text == "now" else datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a valid hour. Examples: 2026-03-01T07 (UTC), now.") from None
    return hour.replace(minute=0, second=0, microsecond=0)


def parse_rate(value: str | float) -> float:
    """Parse a fraction between 0 and 1, such as ``0.02`` or ``2%``. Typer also passes the default through here."""
    text = str(value)
    try:
        rate = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise typer.BadParameter(f"{text!r} is not a valid rate. Examples: 0.02, 2%.")
    return rate


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StreamOption = Annotated[str, typer.Option("--stream", "-s", metavar="STREAM", help="The name of the stream.")]
StreamFilter = Annotated[str | None, typer.Option("--stream", "-s", metavar="STREAM", help="Only this stream.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many, newest first.")]
