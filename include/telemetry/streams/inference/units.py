"""Find units that messages themselves name beside their values."""

from __future__ import annotations

from typing import Any

from telemetry.contracts.json_path import Path
from telemetry.contracts.units import known_unit
from telemetry.streams.inference.leaves import Columns

VALUES = frozenset({"v", "value", "val"})
UNITS = ("u", "unit", "units", "uom")


def units_beside(columns: Columns) -> dict[Path, tuple[Path, str]]:
    """By the path of a value, the path of its unit and the unit, where it is always the same one and a known one."""
    found: dict[Path, tuple[Path, str]] = {}
    for path in columns:
        if path.steps and path.steps[-1] in VALUES:
            for name in UNITS:
                beside = Path((*path.steps[:-1], name), path.absolute)
                unit = _only_unit(columns.get(beside, []))
                if unit:
                    found[path] = beside, unit
    return found


def _only_unit(values: list[Any]) -> str | None:
    units = {value for value in values if type(value) is str}
    if len(units) != 1 or any(value is not None and type(value) is not str for value in values):
        return None
    try:
        return known_unit(units.pop())
    except ValueError:
        return None
