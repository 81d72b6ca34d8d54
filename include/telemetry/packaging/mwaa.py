"""What MWAA takes: plugins.zip with all that DAGs import, the DAGs, requirements.txt and the startup script."""

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
    """The plugins, and beside them the packages and the data that they and the DAGs read.

    MWAA unpacks it into Airflow's plugins folder, which is on Python's path. Only ``.airflowignore`` keeps Airflow from
    taking the packages' modules for plugins.
    """
    machines = STATE_MACHINE.parent
    return archive(
        folder(PLUGINS)
        | core_files()
        | folder(INCLUDE / "telemetry_airflow", "telemetry_airflow/")
        | folder(machines, f"{machines.name}/")
    )


def dag_files() -> dict[str, bytes]:
    """The DAGs by their path in the DAGs folder."""
    return folder(DAGS)


def requirements(airflow: str) -> bytes:
    """The text of requirements.txt with the constraints of the Airflow version ``airflow``.

    Raises:
        TelemetryError: that Airflow has no UI plugins.
    """
    version = re.fullmatch(r"(\d+)\.(\d+)\.\d+", airflow)
    if not version or (int(version[1]), int(version[2])) < (3, 1):
        raise TelemetryError(
            f"Airflow {airflow!r} will not do: UI plugins came with 3.1.",
            f"Take {AIRFLOW}, or 3.2.1.",
        )
    return REQUIREMENTS.read_text().replace(f"/constraints-{AIRFLOW}/", f"/constraints-{airflow}/").encode()


def startup_script() -> bytes:
    """The text of the startup script, which reads this project's SSM parameter; the same for every deployment."""
    from telemetry.config.settings import load_settings  # takes a while, and the command line wants the version above

    return STARTUP.read_text().replace("@PARAMETER@", load_settings().names.environment_parameter).encode()
