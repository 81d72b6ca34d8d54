"""Commands for the quarantine: quarantine list, quarantine show, quarantine replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telemetry.cli.arguments import AsJson, Limit, StreamFilter
from telemetry.cli.deployed import use_deployment
from telemetry.cli.output import print_json, print_table, printable, progress_bar, results

if TYPE_CHECKING:
    from telemetry.warehouse.quarantine_replay import Replayed

COLUMNS = ("quarantine_id", "stream", "reason", "detail", "line", "item", "raw_bytes", "created_at")

ReasonFilter = Annotated[
    str | None, typer.Option("--reason", metavar="REASON", help="Only this reason, such as wrong_type.")
]

app = typer.Typer(
    help="Manage quarantined rows.\n\nThese are rows that could not become readings.", no_args_is_help=True
)


@app.command("list")
def list_(
    stream: StreamFilter = None,
    reason: ReasonFilter = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List quarantined rows, newest first."""
    from telemetry.contracts.loader import find_stream
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.quarantine import list_rows

    name = find_stream(stream).stream if stream else None
    check_reason(reason)
    with connect(use_deployment().database_secret) as connection:
        rows = [asdict(row) for row in list_rows(connection, stream=name, reason=reason, limit=limit)]
    if as_json:
        print_json(rows)
    else:
        print_table("Quarantine", rows, COLUMNS)


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="The quarantine id of the row.")],
    as_json: AsJson = False,
) -> None:
    """Show a quarantined row and its raw bytes.

    Bytes that are not printable text are escaped.
    """
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.quarantine import find_row

    with connect(use_deployment().database_secret) as connection:
        row, raw = find_row(connection, number)
    if as_json:
        print_json({**asdict(row), "raw": raw})
        return
    for name, value in asdict(row).items():
        results.print(f"{name:>14}  {printable(str(value))}", markup=False, soft_wrap=True)
    results.print(f"\n{printable(raw.decode('utf-8', 'backslashreplace'))}", markup=False, soft_wrap=True)


@app.command()
def replay(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Only the rows with these quarantine ids.")
    ] = None,
    stream: StreamFilter = None,
    reason: ReasonFilter = None,
    as_json: AsJson = False,
) -> None:
    """Replay quarantined rows after a contract has been fixed.

    Rows that fit the contract now become readings. The others stay in quarantine.
    """
    from telemetry.contracts.loader import find_stream, load_streams
    from telemetry.warehouse.connection import connect
    from telemetry.warehouse.quarantine_replay import Replay

    name = find_stream(stream).stream if stream else None
    check_reason(reason)
    with (
        connect(use_deployment().database_secret) as connection,
        progress_bar("Replaying quarantined rows", None) as bar,
    ):
        done = Replay(connection, load_streams()).run(
            stream=name, reason=reason, ids=numbers or None, on_start=bar.expect, on_progress=bar
        )
    if as_json:
        print_json(_document(done))
        return
    print(
        f"{done.moved:,} of {done.rows:,} rows replayed: {done.loaded:,} readings loaded, {done.duplicate:,} duplicate."
    )
    print_counts("Still quarantined", done.still)
    print_counts("Skipped: the stream has no contract, or not all bytes of the row were kept", done.skipped)


def _document(done: Replayed) -> dict[str, Any]:
    """The result as JSON."""
    numbers = {name: getattr(done, name) for name in ("rows", "moved", "loaded", "duplicate")}
    return {**numbers, "still": dict(sorted(done.still.items())), "skipped": dict(sorted(done.skipped.items()))}


def print_counts(title: str, rows: Mapping[str, int]) -> None:
    """Print the number of rows for each reason, if there are any."""
    if rows:
        print_table(title, ({"reason": reason, "rows": rows[reason]} for reason in sorted(rows)), ("reason", "rows"))


def check_reason(reason: str | None) -> None:
    """Raise ``BadParameter`` unless ``reason`` is a reason code."""
    from telemetry.contracts.reasons import Reason

    if reason and reason not in set(Reason):
        raise typer.BadParameter(f"{reason!r} is not a reason. Reasons: {', '.join(Reason)}.")
