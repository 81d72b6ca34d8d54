"""Names of columns, from paths."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import count

from telemetry.contracts.json_path import Path
from telemetry.contracts.model import RESERVED

LENGTH_MAX = 40
SAYS_NOTHING = frozenset({"value", "v", "val", "vb", "vs", "vd", "data"})
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def column_name(path: Path, taken: Collection[str]) -> str:
    """A name that no other column has: the last of the path that says something, and what is before where needed."""
    parts = [part for step in path.steps if type(step) is str and (part := _words(step))]
    while len(parts) > 1 and parts[-1] in SAYS_NOTHING:
        parts.pop()
    for length in range(1, len(parts) + 1):
        name = _fitting("_".join(parts[-length:]))
        if name not in taken and name not in RESERVED:
            return name
    stem = _fitting("_".join(parts) or "value")
    return next(
        name
        for number in count(1)
        if (name := stem if number == 1 else f"{stem[: LENGTH_MAX - 5]}_{number}") not in taken and name not in RESERVED
    )


def _words(step: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", CAMEL.sub("_", step).lower()).strip("_")


def _fitting(name: str) -> str:
    begins = name if name[:1].isalpha() else f"n_{name}"
    return begins[:LENGTH_MAX].rstrip("_")
