"""Derive column names from paths."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import count

from telemetry.contracts.json_path import Path
from telemetry.contracts.model import RESERVED

LENGTH_MAX = 40
SAYS_NOTHING = frozenset({"value", "v", "val", "vb", "vs", "vd"})
"""As the last of a path: the one before it is the name."""
SAYS_LITTLE = frozenset({"id", "name", "type", "data_type", "unit", "time", "timestamp", "status", "total", "n"})
"""As the last of a path: the one before it is needed."""
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def column_names(paths: Sequence[Path], taken: Collection[str]) -> list[str]:
    """A name for each path, which no other has and none of those taken: the last of the path that says something, and
    what is before it where several paths end alike."""
    parts = [_parts(path) for path in paths]
    ends = Counter(one[-1] for one in parts)
    names: list[str] = []
    for one in parts:
        needed = 2 if ends[one[-1]] > 1 or one[-1] in SAYS_LITTLE else 1
        names.append(_free_name(one, needed, {*taken, *names, *RESERVED}))
    return names


def _parts(path: Path) -> list[str]:
    parts = [part for step in path.steps if (part := words(step) if type(step) is str else "")]
    while len(parts) > 1 and parts[-1] in SAYS_NOTHING:
        parts.pop()
    if not parts:
        return [f"item_{path.steps[0]}" if path.steps and type(path.steps[0]) is int else "value"]
    return parts


def _free_name(parts: Sequence[str], needed: int, taken: Collection[str]) -> str:
    for length in range(min(needed, len(parts)), len(parts) + 1):
        name = _fitting("_".join(parts[-length:]))
        if name not in taken:
            return name
    stem = _fitting("_".join(parts))[: LENGTH_MAX - 5]
    return next(name for number in count(2) if (name := f"{stem}_{number}") not in taken)


def words(name: str) -> str:
    """A member's name in lower case, its words joined by underscores, without accents."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", CAMEL.sub("_", plain).lower()).strip("_")


def _fitting(name: str) -> str:
    begins = name if name[:1].isalpha() else f"n_{name}"
    return begins[:LENGTH_MAX].rstrip("_")
