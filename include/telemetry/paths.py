"""Where the data folders are: always beside the package.

True in a checkout (``include/``), in MWAA's plugins folder and at the root of a function's zip.
"""

from __future__ import annotations

from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[1]
STREAMS = INCLUDE / "streams"
STREAM_SCHEMA = "stream.schema.json"
"""The name of the JSON Schema that lies beside the streams' files in a checkout; functions and MWAA do not get it."""
FUNCTIONS = INCLUDE / "functions"
MIGRATIONS = INCLUDE / "migrations"
SETTINGS = INCLUDE / "settings.yaml"
STATE_MACHINE = INCLUDE / "state_machines" / "telemetry_etl.asl.json"
