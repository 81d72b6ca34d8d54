"""The dead-letter queues: list, redrive."""

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
AtMost = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many in all, as SQS gives them.")]

app = typer.Typer(help="Messages that failed too often to be taken from their queue.", no_args_is_help=True)


@app.command("list")
def list_(stream: StreamFilter = None, limit: AtMost = 50, as_json: AsJson = False) -> None:
    """List dead letters. They stay where they are; SQS counts each look as a receive."""
    from telemetry.aws.clients import client
    from telemetry.aws.queues import list_dead_letters, queue_url
    from telemetry.config.settings import load_settings

    streams = chosen(stream)
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
        print_table("Dead letters", ({**row, "payload": _short(row["payload"])} for row in rows), COLUMNS)


@app.command()
def redrive(stream: StreamFilter = None, as_json: AsJson = False) -> None:
    """Send all dead letters back to their stream's queue, to be loaded by the next run."""
    from telemetry.aws.clients import client
    from telemetry.aws.queues import queue_url
    from telemetry.aws.queues import redrive as send_back
    from telemetry.config.settings import load_settings

    streams = chosen(stream)
    use_deployment(["emulator"])
    sqs, names = client("sqs"), load_settings().names
    ways = {
        one.stream: (queue_url(sqs, names.dead_letter_queue(one.stream)), queue_url(sqs, names.queue(one.stream)))
        for one in streams
    }
    moved, refused = {}, {}
    for name, (source, target) in ways.items():
        with progress_bar(f"Redriving {name}", None) as bar:
            done = send_back(sqs, source, target, on_progress=bar)
        moved[name], refused[name] = done.moved, done.refused
    if as_json:
        print_json([{"stream": name, "moved": moved[name], "refused": len(refused[name])} for name in moved])
    else:
        for name, number in moved.items():
            print(f"{number:,} messages of {name} are back in their queue. Load them: telemetry run {name} --queue")
    if why := [reason for reasons in refused.values() for reason in reasons.values()]:
        raise TelemetryError(f"SQS refused {len(why):,} messages, which stay dead letters. The first: {why[0]}")


def chosen(stream: str | None) -> Iterable[Stream]:
    """One stream, or all of them."""
    from telemetry.contracts.loader import find_stream, read_streams

    return [find_stream(stream)] if stream else read_streams().streams.values()


def _short(payload: bytes) -> str:
    text = printable(payload[: PAYLOAD_WIDTH + 1].decode("utf-8", "backslashreplace"))
    return text if len(text) <= PAYLOAD_WIDTH else f"{text[: PAYLOAD_WIDTH - 1]}…"
