"""Write everything to be deployed on AWS to one folder, which Terraform and ``telemetry deploy`` read.

Artefacts are named by their content, so that what did not change is not deployed again. ``artefacts.json`` lists them,
``streams.json`` says what to build for the streams.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from telemetry.config.settings import Function, load_settings
from telemetry.contracts.loader import load_streams
from telemetry.errors import TelemetryError
from telemetry.packaging.archive import digest, json_file
from telemetry.packaging.contract_record import ContractRecord
from telemetry.packaging.functions import function_zip
from telemetry.packaging.layer import Target, layer_zip
from telemetry.packaging.mwaa import dag_files, plugins_zip, requirements, startup_script
from telemetry.packaging.streams import STREAMS_FILE, streams_document

INDEX = "artefacts.json"
PYTHONS = ("3.11", "3.12", "3.13")
"""The versions that ``requirements/lambda.txt`` is locked for and that Lambda supports."""

Tell = Callable[[str], None]


def write_package(output: Path, *, airflow: str, target: Target, record: Path, tell: Tell) -> dict[str, Any]:
    """Write the package to ``output``, in place of an older one, and return the content of its ``artefacts.json``.

    ``record`` is the file of the contracts that were packaged so far; it is brought up to the streams.

    Raises:
        TelemetryError: the settings or a stream's file are faulty, a stream's file contradicts the record, ``output``
            is not a package, a version is not supported, or the layer cannot be built. Nothing was changed.
    """
    _check(output, target)
    checked = streams_document()
    packaged = ContractRecord.read(record)
    contracts = packaged.then(load_streams())
    tell(f"Streams: {', '.join(checked['streams'])}")
    files, artefacts = _mwaa(airflow)
    files[STREAMS_FILE] = json_file(checked)
    tell(f"MWAA: plugins.zip, requirements.txt, startup script and {len(dag_files())} DAG files for Airflow {airflow}")
    functions = {}
    settings = load_settings()
    for name in type(settings.functions).model_fields:
        function: Function = getattr(settings.functions, name)
        functions[name] = _add(files, f"functions/{function.name}", "zip", function_zip(name))
    tell(f"Lambda: {len(functions)} functions")
    tell(f"Lambda: the dependency layer for Python {target.python}, {target.platform or 'on this machine'} ...")
    layer = _add(files, f"layers/{settings.names.layer}", "zip", layer_zip(target).read_bytes())
    index = {"python": target.python, "layer": layer, "functions": functions, "airflow": artefacts}
    files[INDEX] = json_file(index)
    # The record comes first: a package whose contracts are not on it could be deployed, and contradicted later.
    if changed := contracts.differing(packaged):
        contracts.write(record)
    _replace(output, files)
    tell(f"{len(files)} files, {sum(map(len, files.values())) >> 20} MiB, in {output}")
    if changed:
        tell(f"{record}: updated for {', '.join(changed)}. Commit it with the change.")
    return index


def _mwaa(airflow: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """MWAA's artefacts, and their entry in ``artefacts.json``."""
    files = {f"airflow/dags/{path}": content for path, content in dag_files().items()}
    artefacts = {
        "version": airflow,
        "dags": sorted(files),
        "plugins": _add(files, "airflow/plugins", "zip", plugins_zip()),
        "requirements": _add(files, "airflow/requirements", "txt", requirements(airflow)),
        "startup": _add(files, "airflow/startup", "sh", startup_script()),
    }
    return files, artefacts


def _add(files: dict[str, bytes], name: str, kind: str, content: bytes) -> str:
    """Add an artefact to ``files``, named by its content, and return its path."""
    path = f"{name}-{digest(content)}.{kind}"
    files[path] = content
    return path


def _check(output: Path, target: Target) -> None:
    if target.python not in PYTHONS:
        raise TelemetryError(f"Python {target.python!r} is not supported.", f"Take one of {', '.join(PYTHONS)}.")
    if output.exists() and not (output / INDEX).exists() and (output.is_file() or any(output.iterdir())):
        raise TelemetryError(
            f"{output} is not a package, and its files would be lost.",
            "Empty it, or name another folder with --output.",
        )


def _replace(output: Path, files: dict[str, bytes]) -> None:
    """Replace the folder ``output`` by one with ``files``, so that nobody ever finds a part of a package in it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as scratch:
        new, old = Path(scratch, "new"), Path(scratch, "old")
        for path, content in files.items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            (new / path).write_bytes(content)
        if output.exists():
            output.rename(old)
        new.rename(output)
