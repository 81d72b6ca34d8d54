"""Chunks bounded in number and in bytes."""

from __future__ import annotations

from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.chunks import chunks


@given(sizes=st.lists(st.integers(0, 12)), count_max=st.integers(1, 5), bytes_max=st.integers(1, 10))
def test_chunks_hold_everything_in_order_within_the_bounds_and_are_as_few_as_can_be(
    sizes: list[int], count_max: int, bytes_max: int
) -> None:
    items = list(enumerate(sizes))
    found = list(chunks(items, count_max=count_max, bytes_max=bytes_max, size=lambda item: item[1]))
    assert list(chain.from_iterable(found)) == items
    for chunk in found:
        assert 1 <= len(chunk) <= count_max
        assert sum(size for _, size in chunk) <= bytes_max or len(chunk) == 1
    for chunk, following in pairwise(found):
        assert len(chunk) == count_max or sum(size for _, size in [*chunk, following[0]]) > bytes_max


def test_a_full_chunk_is_yielded_before_more_items_are_read() -> None:
    def items() -> chain[int]:
        return chain([1, 2], (pytest.fail("asked for a third") for _ in range(1)))

    assert next(chunks(items(), count_max=2)) == [1, 2]
