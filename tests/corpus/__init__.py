"""Bad input of our own making: payloads and raw objects, each with what is to become of it.

``payloads(hour)`` and ``objects(hour)`` are all of them, for messages that arrive in that hour. They are made by code,
so that each field of each contract, each control character and each place to cut a file gets its case.
"""

from __future__ import annotations

from datetime import datetime
from itertools import chain

from corpus import files, framing, lines, numbers, shapes, sizes, texts, times
from corpus.model import STREAMS, Payload, RawObject, Reads, Rejects, Speaker

__all__ = ["Payload", "RawObject", "Reads", "Rejects", "objects", "payloads"]

KINDS = (texts, shapes, numbers, times, sizes, framing)


def payloads(hour: datetime) -> list[Payload]:
    """Every payload of both streams; no two bring the same reading."""
    speakers = [Speaker(stream, hour) for stream in STREAMS]
    return list(chain.from_iterable(kind.payloads(speaker) for speaker in speakers for kind in KINDS))


def objects(hour: datetime) -> list[RawObject]:
    """Every raw object, of the lake lane."""
    speaker = Speaker("telemetry", hour)
    return [*files.objects(speaker), *lines.objects(speaker)]
