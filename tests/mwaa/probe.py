"""Run by Airflow's own interpreter: what it makes of its folders of DAGs and plugins, as JSON on standard output."""

from __future__ import annotations

import ast
import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from airflow import plugins_manager
from airflow.dag_processing.dagbag import DagBag

HOME = Path(os.environ["AIRFLOW_HOME"])
PLUGINS = HOME / "plugins"


def strays() -> list[str]:
    """Modules of the plugins folder that were imported by another name than a ``from`` would have."""
    found = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    below = {
        name: Path(file).relative_to(PLUGINS) for name, file in found.items() if file and file.startswith(str(PLUGINS))
    }
    return [
        name
        for name, path in below.items()
        if name.replace(".", "/") not in (str(path.with_suffix("")), str(path.parent))
    ]


def imported_by(file: Path) -> Iterator[str]:
    """Every module that a file imports, also within its functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def not_importable(files: Iterable[Path]) -> dict[str, str]:
    """Of what the files import, what cannot be."""
    errors = {}
    for name in {name for file in files for name in imported_by(file)}:
        try:
            importlib.import_module(name)
        except ImportError as error:
            errors[name] = str(error)
    return errors


plugins, plugin_errors = plugins_manager._get_plugins()
bag = DagBag(str(HOME / "dags"))
print(
    json.dumps(
        {
            "plugins": sorted(
                str(plugin.source) for plugin in plugins if "PluginsDirectory" in type(plugin.source).__name__
            ),
            "plugin_errors": plugin_errors,
            "dags": sorted(bag.dags),
            "dag_errors": bag.import_errors,
            "strays": sorted(strays()),
            "import_errors": not_importable([*PLUGINS.glob("telemetry_airflow/**/*.py"), *HOME.glob("dags/*.py")]),
        }
    )
)
