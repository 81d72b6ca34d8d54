"""Patches to ministack: a private name is replaced only if this version of ministack has it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn


def private(module: Any, name: str) -> Any:
    """Return the private ``name`` of a ministack module; without it, say so and exit with code 3."""
    try:
        return getattr(module, name)
    except AttributeError:
        refuse(f"{module.__name__}.{name}")


def replace(module: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace ``module.name`` with ``make(original)``."""
    setattr(module, name, make(private(module, name)))


def refuse(what: str) -> NoReturn:
    """Say that ``what`` differs from the required version of ministack, and exit with code 3."""
    print(f"{what} is not what ministack's version promises: run make setup", file=sys.stderr, flush=True)
    sys.exit(3)
