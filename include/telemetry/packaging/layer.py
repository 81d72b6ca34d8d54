"""The dependency layer: the libraries of ``requirements/lambda.txt``, without files that are not needed at run time."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from telemetry.errors import TelemetryError
from telemetry.packaging.archive import archive, digest, folder
from telemetry.paths import INCLUDE

LOCK = INCLUDE.parent / "requirements" / "lambda.txt"
CACHE = INCLUDE.parent / "build" / "layers"

UNZIPPED_LIMIT = 250 * 2**20
"""Bytes that a function may have unzipped, its layers included (Lambda developer guide, "Lambda quotas")."""

SERVICES = ("cloudwatch", "firehose", "iot-data", "s3", "secretsmanager", "sns", "sqs", "stepfunctions", "sts")
"""The AWS services that functions call: botocore's models of the 400 others stay out."""

UNNEEDED = (
    "bin/*",
    "*.pyc",
    "*.dist-info/[IR]*",  # INSTALLER, RECORD, REQUESTED: the installer's own records
    "*.dist-info/direct_url.json",
    "*.dist-info/uv_*",
    "*/tests/*",
    "boto3/examples/*",
    # pyarrow: headers and sources, and parts that are not used here (Flight, ORC, CUDA, other clouds' file systems).
    "pyarrow/include/*",
    "pyarrow/includes/*",
    "pyarrow/src/*",
    "pyarrow/*.p[xy][dxi]",
    "pyarrow/*flight*",
    "pyarrow/*_python_parquet_encryption*",
    "pyarrow/_parquet_encryption*",
    "pyarrow/_dataset_parquet_encryption*",
    "pyarrow/*orc*",
    "pyarrow/*_cpp_tests*",
    "pyarrow/_substrait*",
    "pyarrow/_azurefs*",
    "pyarrow/_gcsfs*",
    "pyarrow/_hdfs*",
    "pyarrow/libarrow_python.so",  # the same bytes again as libarrow_python.so.<version>, which is what is loaded
    "pyarrow/libarrow_python.so.*.*.*",
)


@dataclass(frozen=True)
class Target:
    """A Python version (``3.12``) on one of uv's platforms; an empty platform is this machine's."""

    python: str
    platform: str = ""


AWS = Target("3.12", "x86_64-manylinux_2_28")


def layer_zip(target: Target, cache: Path = CACHE) -> Path:
    """Return the layer for ``target``, built unless it is in ``cache``; its name follows from the lock and the target.

    Raises:
        TelemetryError: the libraries cannot be installed, or are larger than Lambda allows.
    """
    recipe = repr((LOCK.read_text(), target, SERVICES, UNNEEDED)).encode()
    path = cache / f"python{target.python}-{target.platform or 'here'}-{digest(recipe)}.zip"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            built = Path(scratch) / path.name
            built.write_bytes(build_layer(target, Path(scratch) / "python"))
            built.replace(path)
    return path


def build_layer(target: Target, scratch: Path) -> bytes:
    """Install the locked libraries in ``scratch``, and zip the needed files below ``python/``.

    Raises:
        TelemetryError: as ``layer_zip``.
    """
    _install(target, scratch)
    needed = {path: content for path, content in folder(scratch).items() if not is_unneeded(path)}
    size = sum(len(content) for content in needed.values())
    if size > UNZIPPED_LIMIT:
        raise TelemetryError(
            f"The dependency layer is {size >> 20} MiB unzipped; Lambda allows {UNZIPPED_LIMIT >> 20} MiB at most.",
            f"Leave out more in UNNEEDED of {Path(__file__).name}, or drop a library from {LOCK}.",
        )
    return archive({f"python/{path}": content for path, content in needed.items()})


def is_unneeded(path: str) -> bool:
    """Whether a function can do without the file at ``path`` of the installed libraries."""
    if any(fnmatchcase(path, pattern) for pattern in UNNEEDED):
        return True
    parts = path.split("/")
    return parts[:2] == ["botocore", "data"] and len(parts) > 3 and parts[2] not in SERVICES


def _install(target: Target, place: Path) -> None:
    from uv import find_uv_bin

    command = [find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy"]
    command += ["--python-version", target.python, "--target", str(place), "-r", str(LOCK)]
    if target.platform:
        command += ["--python-platform", target.platform]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise TelemetryError(
            f"The libraries of {LOCK} cannot be installed for Python {target.python}:\n{result.stderr.strip()}",
            "Check the connection to the package index, then run the command again.",
        )
