"""Commands for dead-letter queues: dlq list, dlq redrive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telemetry.cli.arguments import AsJson, StreamFilter
from telemetry.cli.deployed import use_deployment
from telemetry.cli.output import print_json, print_table, printable, progress_bar
from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.contracts.model import Stream

COLUMNS = ("stream", "message_id", "received_at", "sent_at", "receive_count", "topic", "size", "payload")
PAYLOAD_WIDTH = 60
AtMost = Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many in total.")]

app = typer.Typer(
    help="Manage dead letters.\n\nThese are messages that could not be drained from their queue.", no_args_is_help=True
)


@app.command("list")
def list_(stream: StreamFilter = None, limit: AtMost = 50, as_json: AsJson = False) -> None:
    """List dead letters.

    They stay in the dead-letter queue. SQS counts each listing as a receive.
    """
    from telemetry.aws.clients import client
    from telemetry.aws.queues import list_dead_letters, queue_url
    from telemetry.config.settings import load_settings

    streams = find_streams(stream)
    use_deployment(["emulator"])
    sqs, names = client("sqs"), load_settings().names
    rows: list[dict[str, Any]] = []
    for one in streams:
        url = queue_url(sqs, names.dead_letter_queue(one.stream))
        rows += [
            {"stream": one.stream, **asdict(message)} for message in list_dead_letters(sqs, url, limit - len(rows))
        ]
    if as_json:
        print_json(rows)
    else:
        print_table("Dead letters", ({**row, "payload": _shorten(row["payload"])} for row in rows), COLUMNS)


@app.command()
def redrive(stream: StreamFilter = None, as_json: AsJson = False) -> None:
    """Send all dead letters back to their queue.

    The next run of the stream's queue loads them.
    """
    from telemetry.aws.clients import client
    from telemetry.aws.queues import queue_url
    from telemetry.aws.queues import redrive as send_back
    from telemetry.config.settings import load_settings

    streams = find_streams(stream)
    use_deployment(["emulator"])
    sqs, names = client("sqs"), load_settings().names
    queues = {
        one.stream: (queue_url(sqs, names.dead_letter_queue(one.stream)), queue_url(sqs, names.queue(one.stream)))
        for one in streams
    }
    moved, refused = {}, {}
    for name, (source, target) in queues.items():
        with progress_bar(f"Redriving {name}", None) as bar:
            done = send_back(sqs, source, target, on_progress=bar)
        moved[name], refused[name] = done.moved, done.refused
    if as_json:
        print_json([{"stream": name, "moved": moved[name], "refused": len(refused[name])} for name in moved])
    else:
        for name, number in moved.items():
            print(f"{name}: {number:,} messages are back in the queue. Load them with `telemetry run {name} --queue`.")
    if reasons := [reason for by_id in refused.values() for reason in by_id.values()]:
        raise TelemetryError(
            f"SQS refused {len(reasons):,} messages; they are still dead letters. The first reason: {reasons[0]}"
        )


def find_streams(stream: str | None) -> Iterable[Stream]:
    """One stream, or all if none is named."""
    from telemetry.contracts.loader import find_stream, load_streams

    return [find_stream(stream)] if stream else load_streams().values()


def _shorten(payload: bytes) -> str:
    text = printable(payload[: PAYLOAD_WIDTH + 1].decode("utf-8", "backslashreplace"))
    return text if len(text) <= PAYLOAD_WIDTH else f"{text[: PAYLOAD_WIDTH - 1]}…"
