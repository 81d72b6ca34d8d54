"""Zips and JSON files that are reproducible byte for byte."""

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
    """Build a zip of ``files`` by their path.

    The entries are sorted, have no times and the same permissions, and are not compressed: what zlib makes of the same
    bytes depends on its version, and a zip that changes without reason is deployed without reason.
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
    """Read the files below ``root``, by ``under`` and their path from ``root``; without Python's compiled files."""
    return {
        f"{under}{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def json_file(document: dict[str, Any]) -> bytes:
    """Build a JSON file of ``document``, with its keys sorted."""
    return f"{json.dumps(document, indent=2, sort_keys=True)}\n".encode()


def digest(content: bytes) -> str:
    """Return the name of some content: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]
