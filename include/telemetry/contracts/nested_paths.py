"""The nested objects of a payload that hold a contract's values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Payload = dict[str, Any]


class NestedPaths:
    """Finds, once a payload, each object that one of ``paths`` goes through; the payload itself is number 0."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._numbers: dict[str, int] = {"": 0}
        self._steps: list[tuple[int, str]] = []
        for path in paths:
            names = path.split(".")
            for depth in range(1, len(names)):
                around = ".".join(names[:depth])
                if around not in self._numbers:
                    self._numbers[around] = len(self._numbers)
                    self._steps.append((self._numbers[".".join(names[: depth - 1])], names[depth - 1]))

    def of(self, path: str) -> tuple[int, str]:
        """The number of the object that holds the value of ``path``, and the value's name in it."""
        around, _, name = path.rpartition(".")
        return self._numbers[around], name

    def find(self, payload: Payload) -> list[Payload]:
        """The objects by their numbers; an empty one for each that is absent, or is something else."""
        found = [payload]
        for parent, name in self._steps:
            value = found[parent].get(name)
            found.append(value if type(value) is dict else {})
        return found

    def drop_empty(self, found: list[Payload]) -> None:
        """Take those out of the payload that hold nothing any more."""
        for number in range(len(self._steps), 0, -1):
            parent, name = self._steps[number - 1]
            if not found[number] and found[parent].get(name) in ({}, None):
                found[parent].pop(name, None)
