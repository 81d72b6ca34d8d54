"""Lambda layers: unpacked once, and saved as files.

On AWS a layer is in place before a function starts. ministack unpacks every layer again for each worker, and saves it
as base64 in the JSON of its state. Both take seconds for a layer of 130 MB.

https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import patching

LAYER_FOLDERS_VARIABLE = "_LAMBDA_LAYERS_DIRS"
"""The variable that tells ministack's worker script where unpacked layers are."""
DIGEST_FIELD = "_zip_file"

_unpacking = Lock()


def install(folder: Path) -> None:
    """Unpack layers into the scratch folder, and save their zips in ``folder``."""
    if LAYER_FOLDERS_VARIABLE not in patching.private(lambda_runtime, "_PYTHON_WORKER_SCRIPT"):
        patching.refuse("the worker script of ministack's Lambda")
    for name in ("_layers", "_resolve_layer_zip"):
        patching.private(lambda_svc, name)
    folder.mkdir(parents=True, exist_ok=True)
    patching.replace(lambda_runtime.Worker, "_spawn", _use_unpacked_layers)
    patching.replace(lambda_svc, "get_state", lambda original: _save_zips_as_files(original, folder))
    patching.replace(lambda_svc, "_restore_state", lambda original: _load_zips_from_files(original, folder))


def _use_unpacked_layers(spawn: Any) -> Any:
    def spawn_with_layers(worker: Any) -> None:
        config = worker.config
        layers = [layer if isinstance(layer, str) else layer["Arn"] for layer in config.get("Layers") or []]
        variables = dict((config.get("Environment") or {}).get("Variables") or {})
        variables[LAYER_FOLDERS_VARIABLE] = os.pathsep.join(str(_unpacked(arn)) for arn in layers)
        worker.config = {**config, "Layers": [], "Environment": {"Variables": variables}}
        try:
            spawn(worker)
        finally:
            worker.config = config

    return spawn_with_layers


@cache
def _unpacked(arn: str) -> Path:
    """The folder with a layer version's files; Python's compiled files in it serve later workers, too."""
    content = lambda_svc._resolve_layer_zip(arn)
    if content is None:
        raise RuntimeError(f"the layer {arn} has no content")
    folder = Path(tempfile.gettempdir()) / f"layer-{hashlib.sha256(content).hexdigest()[:16]}"
    with _unpacking:
        if not folder.exists():
            scratch = Path(tempfile.mkdtemp())
            zipfile.ZipFile(BytesIO(content)).extractall(scratch)
            scratch.rename(folder)
    return folder


@cache
def _digest(content: bytes) -> str:
    """The digest of a layer's zip, cached because the same bytes object is saved again and again."""
    return hashlib.sha256(content).hexdigest()


def _versions(layers: Any) -> Iterator[dict[str, Any]]:
    for layer in layers._data.values():
        yield from layer["versions"]


def _save_zips_as_files(get_state: Any, folder: Path) -> Any:
    def state_without_zips() -> dict[str, Any]:
        state: dict[str, Any] = get_state()
        for version in _versions(state["layers"]):
            content = version.pop("_zip_data")
            if content is not None:
                version[DIGEST_FIELD] = _digest(content)
                path = folder / version[DIGEST_FIELD]
                if not path.exists():
                    path.write_bytes(content)
        kept = {version.get(DIGEST_FIELD) for version in _versions(state["layers"])}
        for path in folder.iterdir():
            if path.name not in kept:
                path.unlink()
        return state

    return state_without_zips


def _load_zips_from_files(restore: Any, folder: Path) -> Any:
    def restore_with_zips(state: dict[str, Any] | None) -> None:
        for version in _versions(state["layers"]) if state else ():
            if DIGEST_FIELD in version:
                version["_zip_data"] = (folder / version.pop(DIGEST_FIELD)).read_bytes()
        restore(state)

    return restore_with_zips
