"""Arguments and options that several commands take."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer


def parse_day(text: str) -> date:
    """A day as ``2026-03-01``."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day. Write it as 2026-03-01.") from None


def parse_hour(text: str) -> datetime:
    """An hour in UTC as ``2026-03-01T07``, or ``now`` for the one that runs."""
    try:
        hour = datetime.now(UTC) if text == "now" else datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an hour. Write it in UTC as 2026-03-01T07, or `now`.") from None
    return hour.replace(minute=0, second=0, microsecond=0)


def parse_rate(value: str | float) -> float:
    """A fraction between 0 and 1, as ``0.02`` or ``2%``; Typer has the default parsed too."""
    text = str(value)
    try:
        rate = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise typer.BadParameter(f"{text!r} is not a rate. Write it as 0.02 or 2%.")
    return rate


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
StreamOption = Annotated[str, typer.Option("--stream", "-s", help="The stream, by its contract's name.")]
StreamFilter = Annotated[str | None, typer.Option("--stream", "-s", help="This stream only.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")]
