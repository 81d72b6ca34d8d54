"""S3 objects on disk: their bytes and their metadata change together.

ministack writes an object's file, then that of its metadata. A kill in between leaves the new bytes under the old
ETag, size and version. Here both are written aside and then renamed, and a note of the renames is made before the
first of them: the next start completes what is noted, and removes what is not.
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
    """Complete the renames that a kill interrupted. Call it before ministack's S3 is imported: that reads the files."""
    for note in folder.glob("*.renames"):
        _rename(json.loads(note.read_text()))
    shutil.rmtree(folder, ignore_errors=True)


def install(folder: Path) -> None:
    """Replace how ministack writes the files of an object; ``folder`` takes what is not complete."""
    from ministack.services import s3

    from . import patching

    folder.mkdir(parents=True)
    patching.replace(s3, "_atomic_write", lambda original: _writing_aside(folder))
    for name in ("_persist_object", "_persist_delete_marker"):
        patching.replace(s3, name, lambda original: _all_or_nothing(original, folder))


def _writing_aside(folder: Path) -> Any:
    def write(path: str, data: Any, *, text: bool = False) -> None:
        aside = folder / uuid.uuid4().hex
        aside.write_bytes(data.encode() if text else data)
        renames = _renames.get()
        if renames is None:
            aside.replace(path)
        else:
            renames.append((str(aside), path))

    return write


def _all_or_nothing(persist: Any, folder: Path) -> Any:
    def persist_wholly(bucket: str, key: str, what: Any) -> None:
        renames: list[Rename] = []
        before = _renames.set(renames)
        try:
            persist(bucket, key, what)
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

    return persist_wholly


def _rename(renames: list[Rename]) -> None:
    for aside, path in renames:
        if Path(aside).exists():
            os.replace(aside, path)  # noqa: PTH105
