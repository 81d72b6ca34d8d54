"""S3 objects on disk: an object's bytes and metadata change together.

ministack writes an object's file, then its metadata's file. A kill between the two leaves the new bytes with the old
ETag, size and version. Here both are written as temporary files, then the intended renames are written to a file, then
the files are renamed. The next start completes the renames that are on file, and removes other temporary files.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from contextvars import ContextVar
from pathlib import Path
from typing import Any

Rename = tuple[str, str]

_renames: ContextVar[list[Rename] | None] = ContextVar("_renames", default=None)


def complete(folder: Path) -> None:
    """Complete the renames that a kill interrupted. Call it before importing ministack's S3, which reads the files."""
    for note in folder.glob("*.renames"):
        _rename(json.loads(note.read_text()))
    shutil.rmtree(folder, ignore_errors=True)


def install(folder: Path) -> None:
    """Replace how ministack writes an object's files; ``folder`` holds temporary files."""
    from ministack.services import s3

    from . import patching

    folder.mkdir(parents=True)
    patching.replace(s3, "_atomic_write", lambda original: _write_to_temporary_file(folder))
    for name in ("_persist_object", "_persist_delete_marker"):
        patching.replace(s3, name, lambda original: _rename_together(original, folder))


def _write_to_temporary_file(folder: Path) -> Any:
    def write(path: str, data: Any, *, text: bool = False) -> None:
        temporary = folder / uuid.uuid4().hex
        temporary.write_bytes(data.encode() if text else data)
        renames = _renames.get()
        if renames is None:
            temporary.replace(path)
        else:
            renames.append((str(temporary), path))

    return write


def _rename_together(persist: Any, folder: Path) -> Any:
    def persist_atomically(bucket: str, key: str, content: Any) -> None:
        renames: list[Rename] = []
        before = _renames.set(renames)
        try:
            persist(bucket, key, content)
        finally:
            _renames.reset(before)
        if not renames or not renames[-1][1].endswith(".meta.json"):
            raise OSError(f"the object {bucket}/{key} could not be written")
        if len(renames) == 1:
            _rename(renames)
            return
        note = folder / f"{uuid.uuid4().hex}.renames"
        note.with_suffix(".new").write_text(json.dumps(renames))
        note.with_suffix(".new").replace(note)
        _rename(renames)
        note.unlink()

    return persist_atomically


def _rename(renames: list[Rename]) -> None:
    for temporary, path in renames:
        if Path(temporary).exists():
            os.replace(temporary, path)  # noqa: PTH105
