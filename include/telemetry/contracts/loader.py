"""Reading the contracts from ``include/streams``."""

from __future__ import annotations

from pathlib import Path

from telemetry.contracts.model import Stream
from telemetry.errors import TelemetryError
from telemetry.paths import STREAMS
from telemetry.yaml_documents import load_document, place_of


def load_stream(path: Path) -> Stream:
    """One contract.

    Raises:
        TelemetryError: with ``FILE:LINE: FIELD: what is wrong`` for every fault.
    """
    stream = load_document(path, Stream)
    if stream.stream != path.stem:
        raise TelemetryError(
            f"{place_of(path, 'stream')}: the name {stream.stream!r} does not match the file name.",
            f"Rename the file to {stream.stream}.yaml, or the stream to {path.stem}.",
        )
    return stream


def load_streams(folder: Path = STREAMS) -> dict[str, Stream]:
    """Every stream by its name, in the order of the names.

    Raises:
        TelemetryError: a contract is faulty, or two streams have the same topic.
    """
    streams: dict[str, Stream] = {}
    topics: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        stream = load_stream(path)
        if stream.topic in topics:
            raise TelemetryError(
                f"{place_of(path, 'topic')}: {stream.topic!r} is already used by {topics[stream.topic]}."
            )
        topics[stream.topic] = path
        streams[stream.stream] = stream
    return streams


def find_stream(name: str, folder: Path = STREAMS) -> Stream:
    """The stream of that name.

    Raises:
        TelemetryError: there is none; the hint lists those there are.
    """
    streams = load_streams(folder)
    if name not in streams:
        raise TelemetryError(
            f"There is no stream {name!r}.",
            f"Streams: {', '.join(streams)}. To add one, create {folder}/{name}.yaml.",
        )
    return streams[name]
