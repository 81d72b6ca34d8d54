"""Zips and JSON that come out the same, byte for byte, wherever and whenever they are made."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EPOCH = (1980, 1, 1, 0, 0, 0)
MODE = 0o100644 << 16


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip of ``files`` by their path.

    Sorted, without times, all with the same permissions, and stored rather than deflated: what deflate makes of the
    same bytes depends on the machine's zlib, and a zip that changes without reason is a deployment without reason.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as bundle:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, date_time=EPOCH)
            entry.create_system = 3  # Unix, on any system: the permissions are read by it
            entry.external_attr = MODE
            bundle.writestr(entry, files[path])
    return buffer.getvalue()


def folder(root: Path, under: str = "") -> dict[str, bytes]:
    """The files below ``root`` by their path from it, below ``under``; without what Python compiled."""
    return {
        f"{under}{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def json_file(document: dict[str, Any]) -> bytes:
    """A JSON file of ``document``, in the order of its keys."""
    return f"{json.dumps(document, indent=2, sort_keys=True)}\n".encode()


def digest(content: bytes) -> str:
    """What names content: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]
