"""Read a raw object line by line, whatever it contains, in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from telemetry.contracts.reasons import Reason, Reject, Rejected

if TYPE_CHECKING:
    from zlib import _Decompress as Decompressor

CHUNK = 64 * 1024
GZIP = b"\x1f\x8b"
WITH_HEADER = zlib.MAX_WBITS | 16


class Body(Protocol):
    """An object's bytes as S3 hands them out."""

    def read(self, amount: int, /) -> bytes:
        """The next bytes, at most ``amount``; none at the end."""


class Line(NamedTuple):
    """One line without its line feed; ``number`` is from 1, ``length`` is in bytes.

    ``text`` is shorter than ``length`` where the line was too long to be kept. Where there is a ``fault``, it is what
    could be read of a line.
    """

    number: int
    text: bytes
    length: int
    fault: Reject | None

    @property
    def whole(self) -> bool:
        """Whether the text is the whole line."""
        return self.fault is None and len(self.text) == self.length


def read_lines(body: Body, longest: int) -> Iterator[Line]:
    """Yield every line of an object, gzip or plain text; an empty line counts, too.

    Of a line longer than ``longest`` bytes only so many are kept. A gzip stream that is broken gives the lines that can
    be read and one line more, with that fault and what is left of the last line.
    """
    number, held, dropped = 0, b"", 0
    broken: Reject | None = None
    chunks = _plain(body)
    while True:
        try:
            chunk = next(chunks, b"")
        except Rejected as rejected:
            chunk, broken = b"", rejected.reject
        if not chunk:
            break
        *whole, held = (held + chunk).split(b"\n")
        for text in whole:
            number += 1
            yield Line(number, text[:longest], len(text) + dropped, None)
            dropped = 0
        dropped += max(0, len(held) - longest)
        held = held[:longest]
    if broken or held:
        yield Line(number + 1, held, len(held) + dropped, broken)


def _plain(body: Body) -> Iterator[bytes]:
    """The object's bytes in chunks that are not empty, decompressed where they are gzip."""
    chunk = body.read(CHUNK)
    if chunk.startswith(GZIP):
        yield from filter(None, _inflate(chunk, body))
        return
    while chunk:
        yield chunk
        chunk = body.read(CHUNK)


def _inflate(chunk: bytes, body: Body) -> Iterator[bytes]:
    member = before = zlib.decompressobj(WITH_HEADER)
    try:
        while chunk:
            before = member.copy()
            yield member.decompress(chunk, CHUNK)
            if member.eof:
                chunk = member.unused_data or body.read(CHUNK)
                member = zlib.decompressobj(WITH_HEADER) if chunk else member
            else:
                chunk = member.unconsumed_tail or body.read(CHUNK)
        yield member.flush()
    except zlib.error as error:
        yield from _salvage(before, chunk)
        raise Rejected(Reason.corrupt_object, f"the object's gzip stream is damaged: {error}") from None
    if not member.eof:
        raise Rejected(Reason.truncated_object, "the object's gzip stream ends early")


def _salvage(member: Decompressor, chunk: bytes) -> Iterator[bytes]:
    """Decompress a chunk up to the damage. zlib itself returns nothing from a call that meets damage."""
    with suppress(zlib.error):
        for place in range(len(chunk)):
            yield member.decompress(chunk[place : place + 1])
