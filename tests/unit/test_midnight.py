"""Differences around midnight are explained by the days beside them, and a loss never is."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from telemetry.accounting.midnight import Midnights, settle
from telemetry.interval import Lane


class Day(NamedTuple):
    """A day's messages: counted after midnight, at most ``matched`` of the next day's first minutes; lost; twice."""

    shifted: int
    matched: int
    lost: dict[Lane, int]
    twice: int


losses = st.fixed_dictionaries(dict.fromkeys(Lane, st.integers(0, 3)))
nothing_lost = st.just(dict.fromkeys(Lane, 0))


def days(lost: st.SearchStrategy[dict[Lane, int]], twice: st.SearchStrategy[int]) -> st.SearchStrategy[list[Day]]:
    one = st.integers(0, 20).flatmap(
        lambda shifted: st.builds(Day, st.just(shifted), st.integers(shifted, 40), lost, twice)
    )
    return st.lists(one, min_size=1, max_size=8)


def close(days: list[Day]) -> list[dict[Lane, int]]:
    """Each lane's corrected differences, day by day, and of a quiet day after the last."""
    quiet = Day(0, 0, dict.fromkeys(Lane, 0), 0)
    found, before, shifted_in = [], 0, 0
    for day in [*days, quiet]:
        twice = {Lane.lake: day.twice, Lane.queue: 0}
        differences = {lane: shifted_in - day.shifted + day.lost[lane] - twice[lane] for lane in Lane}
        midnights = settle(differences, before, day.matched)
        found.append({lane: midnights.correct(difference) for lane, difference in differences.items()})
        before, shifted_in = midnights.counted_after, day.shifted
    return found


@given(days(nothing_lost, st.just(0)))
def test_without_a_loss_every_day_adds_up(days: list[Day]) -> None:
    assert close(days) == [dict.fromkeys(Lane, 0)] * (len(days) + 1)


@given(days(nothing_lost, st.integers(0, 5)))
def test_what_firehose_delivers_twice_is_a_surplus_of_its_day_alone(days: list[Day]) -> None:
    assert [one[Lane.lake] for one in close(days)] == [*(-day.twice for day in days), 0]
    assert all(one[Lane.queue] == 0 for one in close(days))


@given(days(losses, st.just(0)))
def test_every_loss_is_unaccounted_on_its_day_or_on_a_later_one(days: list[Day]) -> None:
    """Nothing is delivered twice: then a lane's differences add up to its losses, whatever midnight did."""
    for lane in Lane:
        lost = sum(day.lost[lane] for day in days)
        assert sum(one[lane] for one in close(days)) == lost
        assert sum(max(0, one[lane]) for one in close(days)) >= lost


def test_one_lost_message_is_unaccounted_although_many_were_matched_after_midnight() -> None:
    differences = {Lane.lake: 1, Lane.queue: 1}
    assert settle(differences, 0, 1000) == Midnights()
    assert Midnights().correct(1) == 1


def test_no_more_is_explained_by_midnight_than_was_matched_after_it() -> None:
    """The rest was delivered more often than it was published, in both lanes."""
    midnights = settle({Lane.lake: -10, Lane.queue: -10}, 0, 4)
    assert midnights == Midnights(counted_after=4)
    assert midnights.correct(-10) == -6
