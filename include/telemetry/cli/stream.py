"""Streams' files: list, show, check, and new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telemetry.cli import stream_new
from telemetry.cli.arguments import AsJson
from telemetry.cli.output import print_json, print_table, printable, results
from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    from telemetry.contracts.model import Stream
    from telemetry.streams.check import Checked, Result

app = typer.Typer(help="The streams' files: what devices send, and how it is read.", no_args_is_help=True)
app.command()(stream_new.new)

VALUE_WIDTH = 40


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the streams. Exits with 1 if a stream's file is faulty."""
    from telemetry.contracts.loader import read_streams
    from telemetry.streams.description import describe

    streams, faults = read_streams()
    rows = [{**describe(stream), "fields": len(stream.fields)} for stream in streams.values()]
    if as_json:
        print_json({"streams": rows, "faults": [fault.message for fault in faults]})
    else:
        print_table("Streams", rows, ("stream", "topic", "device", "event_time", "fields", "description"))
    _raise_faults(faults)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `telemetry stream list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show what one stream's file says. Exits with 1 if the file is faulty."""
    from telemetry.contracts.loader import find_stream, read_streams
    from telemetry.paths import STREAMS
    from telemetry.streams.description import describe, describe_fields

    stream = find_stream(name)
    path = STREAMS / f"{name}.yaml"
    faults = [fault for fault in read_streams().faults if fault.message.startswith(f"{path}:")]
    head, fields = {**describe(stream), "file": str(path)}, describe_fields(stream)
    if as_json:
        print_json({**head, "fields": fields, "faults": [fault.message for fault in faults]})
    else:
        for key, value in head.items():
            if value:
                results.print(f"{key.replace('_', ' '):>12}  {printable(value)}", markup=False, soft_wrap=True)
        results.print()
        print_table("Fields", fields, ("field", "type", "unit", "read_from", "required", "options"))
    _raise_faults(faults)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A stream's file.")],
    samples: Annotated[
        Path | None,
        typer.Option(
            "--samples",
            metavar="FILE",
            help="Messages to try: lines of `mosquitto_sub -F %j`, JSON Lines, a JSON array, or CSV (ending .csv).",
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", help="The topic of messages whose recording does not say it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a stream's file, and what becomes of sample messages. Exits with 1 if any would be quarantined."""
    from telemetry.contracts.loader import load_stream
    from telemetry.streams.check import check_samples
    from telemetry.streams.recordings import read_recordings

    stream = load_stream(file)
    if samples is None:
        if as_json:
            print_json({"stream": stream.stream, "messages": []})
        else:
            print(f"{file} has no fault: stream {stream.stream} with {len(stream.fields)} fields.")
        return
    recorded = read_recordings(samples, stream)
    checked = list(check_samples(stream, recorded, topic=topic))
    if as_json:
        print_json({"stream": stream.stream, "messages": [_document(one) for one in checked]})
    else:
        _print_checked(stream, samples, checked)
    if any(result.fate == "quarantined" for one in checked for result in one.results):
        raise typer.Exit(1)


@app.command()
def export(name: Annotated[str, typer.Argument(metavar="NAME", help="As `telemetry stream list` shows it.")]) -> None:
    """Print a stream's table as a data contract in YAML, by the Open Data Contract Standard 3.1."""
    from telemetry.contracts.loader import find_stream
    from telemetry.streams.odcs import data_contract
    from telemetry.yaml_documents import dump_document

    print(dump_document(data_contract(find_stream(name))), end="")


@app.command()
def schema() -> None:
    """Print the JSON Schema of streams' files, which include/streams/stream.schema.json holds for editors."""
    from telemetry.streams.json_schema import stream_schema

    print_json(stream_schema())


def _raise_faults(faults: list[TelemetryError]) -> None:
    if faults:
        hint = next((fault.hint for fault in faults if fault.hint), "")
        raise TelemetryError("\n".join(fault.message for fault in faults), hint)


def _document(checked: Checked) -> dict[str, Any]:
    """A message as JSON has it; what does not apply is left out."""
    outcomes = [
        {name: value for name, value in result._asdict().items() if value not in (None, "", 0)}
        for result in checked.results
    ]
    return {"message": checked.sample.where, "topic": checked.sample.topic, "results": outcomes}


def _print_checked(stream: Stream, samples: Path, checked: list[Checked]) -> None:
    rows = [
        {"line": one.sample.where.removeprefix(f"{samples}:"), **_row(result)}
        for one in checked
        for result in one.results
    ]
    title = f"What stream {stream.stream} makes of {samples}"
    print_table(title, rows, ("line", "becomes", "device", "event_time", "values"))
    found = [result for one in checked for result in one.results]
    advice = {result.reason: result.advice for result in found if result.reason and result.advice}
    for reason, said in advice.items():
        results.print(f"{reason}: {said}", markup=False, soft_wrap=True)
    counts = Counter(result.fate for result in found)
    said = ", ".join(f"{fate.replace('_', ' ')} {count:,}" for fate, count in counts.items())
    print(f"Messages: {len(checked):,}. {said[:1].upper()}{said[1:]}.")


def _row(result: Result) -> dict[str, Any]:
    said = " ".join(_values(result)) if result.values is not None else result.detail
    return {
        "becomes": result.reason or result.fate.replace("_", " "),
        "device": result.device_id,
        "event_time": result.event_time,
        "values": said,
    }


def _values(result: Result) -> Iterator[str]:
    for name, value in (result.values or {}).items():
        if value is not None:
            text = str(value)
            yield f"{name}={text if len(text) <= VALUE_WIDTH else f'{text[:VALUE_WIDTH]}…'}"
    if result.nulled:
        yield f"({result.nulled} did not fit: null)"
