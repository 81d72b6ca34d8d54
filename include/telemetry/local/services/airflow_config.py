"""The local stack's settings of Airflow, as the text of airflow.cfg.

They are in a file and not in the environment because they contain passwords and keys (its mode is 0600), and so that
`AIRFLOW_HOME=… airflow …` by hand has the same settings as the services.
"""

from __future__ import annotations

import base64
import configparser
import io
import json
from pathlib import Path

from telemetry.local.host.ports import LOOPBACK
from telemetry.local.host.state import PROJECT, State
from telemetry.local.services.postgres import Login

USER = "admin"


def airflow_config(state: State, database: Login, port: int, dags: Path) -> str:
    """Return the text of airflow.cfg: the settings that differ from Airflow's defaults."""
    home = state.path("airflow", "airflow.cfg").parent
    parser = configparser.RawConfigParser()
    for section, options in _options(state, home, database, port, dags).items():
        # Airflow interpolates values: a literal % must be doubled.
        parser[section] = {name: str(value).replace("%", "%%") for name, value in options.items()}
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def passwords_file(state: State) -> Path:
    """The file from which SimpleAuthManager reads passwords."""
    return state.path("secrets", "airflow-passwords.json")


def passwords(state: State) -> str:
    """Return the text of that file: the only user, with a password that stays the same."""
    return json.dumps({USER: state.secret("airflow-admin")}) + "\n"


def _options(state: State, home: Path, database: Login, port: int, dags: Path) -> dict[str, dict[str, object]]:
    url = f"http://{LOOPBACK}:{port}"
    return {
        "core": {
            "dags_folder": dags,
            "plugins_folder": PROJECT / "plugins",
            "executor": "LocalExecutor",
            "parallelism": 4,
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "default_timezone": "utc",
            "min_serialized_dag_update_interval": 5,
            "hostname_callable": "socket.gethostname",  # the default queries the name server
            "fernet_key": _fernet_key(state),
            "execution_api_server_url": f"{url}/execution/",
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": passwords_file(state),
        },
        "database": {
            "sql_alchemy_conn": database.url(),
            "check_migrations": False,  # they are migrated before the start
        },
        "logging": {
            "base_log_folder": home / "logs",
            "dag_processor_child_process_log_directory": home / "logs" / "dag_processor",
            "file_task_handler_new_folder_permissions": "0o700",
            "file_task_handler_new_file_permissions": "0o600",
            "colored_console_log": False,
        },
        "api": {
            "host": LOOPBACK,
            "port": port,
            "base_url": url,
            "workers": 1,
            "secret_key": state.secret("airflow-secret-key"),
            "log_fetch_timeout_sec": 1,  # there are no log servers: the api-server reads the files
            "expose_config": False,
        },
        "api_auth": {
            "jwt_secret": state.secret("airflow-jwt-secret", 64),
            "jwt_issuer": "telemetry",
        },
        "scheduler": {
            "catchup_by_default": False,
            "enable_health_check": False,
            "scheduler_idle_sleep_time": 1,
        },
        "dag_processor": {
            "refresh_interval": 5,
            "min_file_process_interval": 10,
            "parsing_processes": 1,
            "print_stats_interval": 300,
            "disable_bundle_versioning": True,
        },
        "triggerer": {"capacity": 200},
        "metrics": {"statsd_on": False, "otel_on": False},
        "traces": {"otel_on": False},
    }


def _fernet_key(state: State) -> str:
    """32 random bytes in the encoding of a Fernet key, with padding."""
    secret = state.secret("airflow-fernet", 32)
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(f"{secret}=")).decode()
