"""Load the stream files of ``include/streams``. A faulty file does not keep the others from being loaded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

from telemetry.contracts import topics
from telemetry.contracts.encoding import Protobuf
from telemetry.contracts.model import Stream
from telemetry.contracts.parts import Condition
from telemetry.errors import TelemetryError
from telemetry.paths import STREAMS
from telemetry.yaml_documents import load_document, place_of


class StreamFiles(NamedTuple):
    """The streams by their names, in order, and what is wrong with the files that are none."""

    streams: dict[str, Stream]
    faults: list[TelemetryError]


def load_stream(path: Path) -> Stream:
    """One stream.

    Raises:
        TelemetryError: with ``FILE:LINE: FIELD: what is wrong`` for every fault.
    """
    stream = load_document(path, Stream)
    if stream.stream != path.stem:
        raise TelemetryError(
            f"{place_of(path, 'stream')}: the name {stream.stream!r} does not match the file name.",
            f"Rename the file to {stream.stream}.yaml, or the stream to {path.stem}.",
        )
    if isinstance(stream.encoding, Protobuf):
        return stream.model_copy(update={"encoding": _with_descriptor(path, stream.encoding)})
    return stream


def _with_descriptor(path: Path, encoding: Protobuf) -> Protobuf:
    """The encoding with its descriptor found beside the stream's file."""
    descriptor = path.parent / encoding.descriptor
    if not descriptor.is_file():
        raise TelemetryError(
            f"{place_of(path, 'encoding', 'descriptor')}: there is no file {descriptor}.",
            "Write it with `protoc --include_imports -o FILE`, beside the stream's file.",
        )
    return encoding.model_copy(update={"descriptor": str(descriptor)})


def read_streams(folder: Path = STREAMS) -> StreamFiles:
    """Load every stream whose file is valid. Of two that match the same messages, the second by name is faulty."""
    files = StreamFiles({}, [])
    for path in sorted(folder.glob("*.yaml")):
        try:
            stream = load_stream(path)
            _refuse_shared_topics(path, stream, files.streams.values())
        except TelemetryError as fault:
            files.faults.append(fault)
        else:
            files.streams[stream.stream] = stream
    return files


def load_streams(folder: Path = STREAMS) -> dict[str, Stream]:
    """Every stream by its name, in the order of the names: for what is to be changed by all files or by none.

    Raises:
        TelemetryError: a file is faulty, or two streams take the same messages; a line for each fault.
    """
    streams, faults = read_streams(folder)
    if faults:
        hint = next((fault.hint for fault in faults if fault.hint), "")
        raise TelemetryError("\n".join(fault.message for fault in faults), hint)
    return streams


def find_stream(name: str, folder: Path = STREAMS) -> Stream:
    """The stream of that name, whatever is wrong with others.

    Raises:
        TelemetryError: its file is faulty, or there is none; the hint lists those there are.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        raise TelemetryError(
            f"There is no stream {name!r}.", f"Streams: {names}. To add one, add the file {folder}/{name}.yaml."
        )
    return load_stream(path)


def _refuse_shared_topics(path: Path, stream: Stream, others: Iterable[Stream]) -> None:
    for other in others:
        if topics.overlap(stream.topic, other.topic) and not _kept_apart(stream, other):
            raise TelemetryError(
                f"{place_of(path, 'topic')}: {stream.topic!r} takes messages of {other.topic!r}, the topic of stream "
                f"{other.stream}.",
                "Two streams share topics only where `where` keeps them apart: the same path, other values.",
            )


def _kept_apart(one: Stream, other: Stream) -> bool:
    """Whether no message can satisfy the conditions of both."""
    return any(_exclude(*pair) for pair in product(one.where, other.where))


def _exclude(one: Condition, other: Condition) -> bool:
    if one.topic and other.topic:
        return not topics.overlap(one.topic, other.topic)
    same = (one.path, one.level) == (other.path, other.level) and not (one.topic or other.topic)
    return same and one.values is not None and other.values is not None and not {*one.values} & {*other.values}
