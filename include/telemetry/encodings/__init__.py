"""Encodings of payloads: from bytes to JSON-like values, one file an encoding, each bounded in time and memory.

Not here: which value is which field, which is ``telemetry.contracts``.
"""

from __future__ import annotations


class UndecodableError(Exception):
    """Bytes that are not of the encoding; the text says why in a few words, and repeats nothing of the bytes."""
