"""Raw objects that are no whole gzip: cut, damaged, or of another kind."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
import zlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.model import RawObject, Reads, Speaker, said
from telemetry.contracts.reasons import Reason

Reject = tuple[Reason, bytes]


def objects(speaker: Speaker) -> Iterator[RawObject]:
    yield from _compressed(speaker)
    yield from _cut(speaker)
    yield from _damaged(speaker)
    yield from _of_another_kind()


def zipped(content: bytes, level: int = 9) -> bytes:
    return gzip.compress(content, level, mtime=0)


def some(speaker: Speaker, name: str, number: int) -> tuple[list[bytes], tuple[Reads, ...]]:
    devices = [f"{name} {which}" for which in range(number)]
    return [said(speaker.good(device)) for device in devices], tuple(speaker.reads(device) for device in devices)


def _of_lines(speaker: Speaker, name: str, number: int) -> tuple[bytes, tuple[Reads, ...]]:
    texts, readings = some(speaker, name, number)
    return b"".join(text + b"\n" for text in texts), readings


def _compressed(speaker: Speaker) -> Iterator[RawObject]:
    yield RawObject("no byte at all", b"", 0)
    yield RawObject("gzip of nothing", zipped(b""), 0)
    yield RawObject("gzip of nothing, often", zipped(b"") * 100, 0)
    for level in (0, 1, 9):
        name = f"gzip, level {level}"
        content, readings = _of_lines(speaker, name, 3)
        yield RawObject(name, zipped(content, level), 3, readings)
    name = "plain text"
    content, readings = _of_lines(speaker, name, 3)
    yield RawObject(name, content, 3, readings)
    name = "gzip with a name and a comment in its header"
    content, readings = _of_lines(speaker, name, 3)
    packed = zipped(content)
    yield RawObject(name, packed[:3] + b"\x18" + packed[4:10] + b"name\0comment\0" + packed[10:], 3, readings)
    name = "gzip in gzip"
    content, _ = _of_lines(speaker, name, 3)
    yield RawObject(name, zipped(zipped(content)), 0, surely=False)
    for members in (2, 50):
        name = f"{members} members"
        content, readings = _of_lines(speaker, name, 60)
        step = -(-len(content) // members)
        body = b"".join(zipped(content[start : start + step]) for start in range(0, len(content), step))
        yield RawObject(name, body, 60, readings)
    name = "an empty member between"
    content, readings = _of_lines(speaker, name, 3)
    yield RawObject(name, zipped(content[:50]) + zipped(b"") + zipped(content[50:]), 3, readings)
    for what, tail in (("text", b"garbage"), ("zeros", b"\0" * 100), ("a newline", b"\n"), ("half a header", b"\x1f")):
        name = f"gzip and {what} behind"
        content, readings = _of_lines(speaker, name, 3)
        reason = Reason.truncated_object if len(tail) == 1 else Reason.corrupt_object  # one byte might be a header's
        yield RawObject(name, zipped(content) + tail, 4, readings, ((reason, b""),))


def _cut(speaker: Speaker) -> Iterator[RawObject]:
    """A gzip stream that ends early: whole lines are read, and one row tells of the rest."""
    for places in (range(2, 12), range(30, 240, 15)):
        for place in places:
            name = f"gzip cut at {place}"
            content, readings = _of_lines(speaker, name, 40)
            body = zipped(content)[:place]
            yield _read_so_far(name, body, content, readings, Reason.truncated_object)
    for missing in range(1, 10):
        name = f"gzip without its last {missing} bytes"
        content, readings = _of_lines(speaker, name, 40)
        yield _read_so_far(name, zipped(content)[:-missing], content, readings, Reason.truncated_object)
    name = "the second member cut"
    content, readings = _of_lines(speaker, name, 40)
    second, more = _of_lines(speaker, f"{name}, of it", 5)
    cut = _read_so_far(name, zipped(second)[:-8], second, more, Reason.truncated_object)
    yield RawObject(name, zipped(content) + cut.body, 40 + cut.messages, readings + cut.readings, cut.rejects)
    yield RawObject("one byte of gzip", b"\x1f", 1, rejects=((Reason.not_json, b"\x1f"),))


def _read_so_far(name: str, body: bytes, content: bytes, readings: tuple[Reads, ...], reason: Reason) -> RawObject:
    found = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body)
    assert content.startswith(found)
    *whole, rest = found.split(b"\n")
    return RawObject(name, body, len(whole) + 1, readings[: len(whole)], ((reason, rest),))


def _damaged(speaker: Speaker) -> Iterator[RawObject]:
    """Some bytes of a gzip stream are others: the checksum at its end tells, and until then anything may come."""
    random_ = random.Random(3)  # noqa: S311
    for number in range(30):
        name = f"gzip with damage {number}"
        content, _ = _of_lines(speaker, "damaged", 200)
        body = bytearray(zipped(content))
        for _ in range(1 + number % 5):
            body[random_.randrange(10, len(body))] ^= 1 << random_.randrange(8)
        yield RawObject(name, bytes(body), 0, surely=False)
    for what, place in (("checksum", -8), ("length", -4)):
        name = f"gzip with a wrong {what}"
        content, readings = _of_lines(speaker, name, 3)
        body = bytearray(zipped(content))
        body[place] ^= 1
        yield RawObject(name, bytes(body), 4, readings, ((Reason.corrupt_object, b""),))
    for what, place, value in (("method", 2, 9), ("flags", 3, 0xE0)):
        name = f"gzip with an unknown {what}"
        body = bytearray(zipped(b"{}\n"))
        body[place] = value
        yield RawObject(name, bytes(body), 1, rejects=((Reason.corrupt_object, b""),))


def _of_another_kind() -> Iterator[RawObject]:
    """Files that are no text: as many messages as they have lines, and no reading."""
    file = io.BytesIO()
    pq.write_table(pa.table({"device_id": ["a", "b"], "temperature": [1.0, 2.0]}), file)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file_:
        file_.writestr("a.json", '{"device_id": "d"}')
    kinds = {
        "PNG": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00",
        "zip": archive.getvalue(),
        "Parquet": file.getvalue(),
        "zlib": zlib.compress(b'{"device_id": "d"}\n'),
        "bzip2": b"BZh91AY&SY\x94$|\x0e\x00\x00\x00\x81\x00\x03@\x00 \x00!\x9ah3M\x19\x97\x8b\xb9",
        "zstd": b"\x28\xb5\x2f\xfd\x04\x58\x99\x00\x00{}",
        "ELF": b"\x7fELF\x02\x01\x01\x00" + bytes(100),
        "plain words": b"not gzip, nor JSON\nat all\n",
        "every byte": bytes(range(256)) * 4,
        "noise": random.Random(4).randbytes(100_000).replace(b"\x1f\x8b", b"ab"),  # noqa: S311
        "an error page": b"<?xml version='1.0'?>\n<Error><Code>SlowDown</Code></Error>",
    }
    for what, body in kinds.items():
        lines = body.removesuffix(b"\n").split(b"\n")
        yield RawObject(f"a file of another kind: {what}", body, len(lines), rejects=tuple(map(no_json, lines)))


def no_json(line: bytes) -> Reject:
    try:
        line.decode()
    except UnicodeDecodeError:
        return Reason.bad_encoding, line
    return Reason.not_json, line
