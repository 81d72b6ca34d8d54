"""The deployment packages of the Lambda functions."""

from __future__ import annotations

from telemetry.errors import TelemetryError
from telemetry.packaging.archive import archive, folder
from telemetry.paths import FUNCTIONS, INCLUDE, MIGRATIONS, SETTINGS, STREAM_SCHEMA, STREAMS

LEFT_OUT = (
    *(f"telemetry/{name}/" for name in ("airflow_rest", "cli", "cost", "local", "packaging")),
    f"{STREAMS.name}/{STREAM_SCHEMA}",
)
"""Packages that are only used in a checkout."""


def core_files() -> dict[str, bytes]:
    """Read the core package and, beside it, the data files that it reads."""
    files = folder(INCLUDE / "telemetry", "telemetry/") | folder(STREAMS, f"{STREAMS.name}/")
    return (
        {path: content for path, content in files.items() if not path.startswith(LEFT_OUT)}
        | folder(MIGRATIONS, f"{MIGRATIONS.name}/")
        | {SETTINGS.name: SETTINGS.read_bytes()}
    )


def function_zip(name: str) -> bytes:
    """Build the zip of the function in ``include/functions/<name>``: its handler, the core package and its data files.

    Raises:
        TelemetryError: there is no such function.
    """
    place = FUNCTIONS / name
    if not (place / "handler.py").is_file():
        raise TelemetryError(f"There is no function {name!r}: {place / 'handler.py'} is missing.")
    return archive(core_files() | folder(place))
