"""The seam with ministack: private names, replaced only where they are certain to be there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn


def private(module: Any, name: str) -> Any:
    """The private ``name`` of a ministack module, or the end of the start in plain words."""
    try:
        return getattr(module, name)
    except AttributeError:
        refuse(f"{module.__name__}.{name}")


def replace(module: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put ``make(original)`` in the place of ``module.name``."""
    setattr(module, name, make(private(module, name)))


def refuse(what: str) -> NoReturn:
    """End the start, because ``what`` is not as it is in the version that was asked for."""
    print(f"{what} is not what ministack's version promises: run make setup", file=sys.stderr, flush=True)
    sys.exit(3)
