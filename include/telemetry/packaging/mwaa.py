"""MWAA's artefacts: plugins.zip with all that DAGs import, the DAGs, requirements.txt and the startup script."""

from __future__ import annotations

import re
from pathlib import Path

from telemetry.errors import TelemetryError
from telemetry.packaging.archive import archive, folder
from telemetry.packaging.functions import core_files
from telemetry.paths import INCLUDE, STATE_MACHINE

PROJECT = INCLUDE.parent
DAGS = PROJECT / "dags"
PLUGINS = PROJECT / "plugins"
REQUIREMENTS = PROJECT / "requirements.txt"
STARTUP = Path(__file__).with_name("startup.sh")

AIRFLOW = "3.3.1"
"""The version of Airflow that ``requirements.txt`` is for."""


def plugins_zip() -> bytes:
    """Build the zip of the plugins, with the packages and the data files that they and the DAGs use.

    MWAA unpacks it into Airflow's plugins folder, which is on Python's path. ``.airflowignore`` keeps Airflow from
    loading the packages' modules as plugins.
    """
    machines = STATE_MACHINE.parent
    return archive(
        folder(PLUGINS)
        | core_files()
        | folder(INCLUDE / "telemetry_airflow", "telemetry_airflow/")
        | folder(machines, f"{machines.name}/")
    )


def dag_files() -> dict[str, bytes]:
    """Read the DAGs, by their path in the DAGs folder."""
    return folder(DAGS)


def requirements(airflow: str) -> bytes:
    """Return requirements.txt with the constraints of the Airflow version ``airflow``.

    Raises:
        TelemetryError: that version has no UI plugins.
    """
    version = re.fullmatch(r"(\d+)\.(\d+)\.\d+", airflow)
    if not version or (int(version[1]), int(version[2])) < (3, 1):
        raise TelemetryError(
            f"Airflow {airflow!r} is not supported: UI plugins need 3.1 or newer.",
            f"Take {AIRFLOW}, or 3.2.1.",
        )
    return REQUIREMENTS.read_text().replace(f"/constraints-{AIRFLOW}/", f"/constraints-{airflow}/").encode()


def startup_script() -> bytes:
    """Return the startup script, which reads this project's SSM parameter and is the same for every deployment."""
    from telemetry.config.settings import load_settings  # slow to import, and the command line only needs AIRFLOW

    return STARTUP.read_text().replace("@PARAMETER@", load_settings().names.environment_parameter).encode()
