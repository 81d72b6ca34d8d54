"""Split an iterator into chunks, limited by number and by bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class Chunk(Generic[T]):
    """Items of at most ``count_max``, and of at most ``bytes_max`` together unless it is one item alone."""

    count_max: int
    bytes_max: int
    items: list[T] = field(default_factory=list)
    bytes: int = 0

    def has_room(self, size: int) -> bool:
        """Whether an item of that many bytes fits. The first item always does."""
        return not self.items or (len(self.items) < self.count_max and self.bytes + size <= self.bytes_max)

    def add(self, item: T, size: int) -> None:
        self.items.append(item)
        self.bytes += size


def chunks(
    items: Iterable[T], *, count_max: int, bytes_max: int = sys.maxsize, size: Callable[[T], int] = lambda item: 0
) -> Iterator[list[T]]:
    """The items in their order, in as few chunks as the bounds allow; none is empty. ``size`` is an item's, in bytes.

    A chunk is handed out as soon as no item can follow in it, as far as their number tells.
    """
    chunk: Chunk[T] = Chunk(count_max, bytes_max)
    for item in items:
        if not chunk.has_room(length := size(item)):
            yield chunk.items
            chunk = Chunk(count_max, bytes_max)
        chunk.add(item, length)
        if len(chunk.items) == count_max:
            yield chunk.items
            chunk = Chunk(count_max, bytes_max)
    if chunk.items:
        yield chunk.items
