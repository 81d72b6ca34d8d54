"""Find values in decoded JSON, and remove them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from telemetry.contracts.json_path import Step, Wildcard
from telemetry.contracts.reasons import Reason, Reject, json_name


class Found(NamedTuple):
    """A value that a query found.

    ``keys`` are the members' names and items' numbers at the query's wildcards, ``surroundings`` what stands beside the
    value on the way there, but for what the wildcards find besides.
    """

    value: Any
    keys: tuple[Step, ...]
    surroundings: dict[str, Any]


def look_up(value: Any, steps: Sequence[Step]) -> Any:
    """The value there; ``None`` where there is none or null, also where the way is through something else."""
    for step in steps:
        value = child(value, step)
        if value is None:
            return None
    return value


def child(value: Any, step: Step) -> Any:
    """A member or an item; ``None`` where there is none."""
    if type(value) is dict:
        return value.get(step)
    if type(value) is list and type(step) is int and step < len(value):
        return value[step]
    return None


def take_out(value: Any, steps: Sequence[Step]) -> None:
    """Take a value out of the objects around it, and those that are empty then; a list is left as it is."""
    holders = [value]
    for step in steps[:-1]:
        holders.append(child(holders[-1], step))
    if not steps or any(type(holder) is not dict for holder in holders):
        return
    holders[-1].pop(steps[-1], None)
    drop_empty(value, steps[:-1])


def drop_empty(value: Any, steps: Sequence[Step]) -> None:
    """Take the objects along the way out that are empty, from the inside out."""
    for depth in range(len(steps), 0, -1):
        holder, name = look_up(value, steps[: depth - 1]), steps[depth - 1]
        if type(holder) is dict and name in holder and holder[name] in ({}, None):
            del holder[name]


def copied_along(value: Any, steps: Sequence[Step]) -> Any:
    """A copy of the objects along the way; all else is shared."""
    if type(value) is not dict or not steps:
        return value
    copy = dict(value)
    if steps[0] in copy:
        copy[steps[0]] = copied_along(copy[steps[0]], steps[1:])
    return copy


def matches(value: Any, query: Sequence[Step | Wildcard], keys: tuple[Step, ...] = ()) -> Iterator[Found | Reject]:
    """Yield what a query finds, in the payload's order, and a reject for each place that holds something else."""
    if not query:
        yield Found(value, keys, {})
        return
    step, rest = query[0], query[1:]
    if isinstance(step, Wildcard):
        if type(value) not in (dict, list):
            yield Reject(Reason.wrong_type, f"{json_name(value)} stands where readings are looked for")
            return
        members = value.items() if type(value) is dict else enumerate(value)
        for key, item in members:
            yield from matches(item, rest, (*keys, key))
        return
    inner = child(value, step)
    if inner is None:
        yield Reject(Reason.missing_field, f"{step} is missing, where readings are looked for")
        return
    beside = _beside(value, step)
    for found in matches(inner, rest, keys):
        if isinstance(found, Reject):
            yield found
        else:
            within = {str(step): found.surroundings} if found.surroundings else {}
            yield found._replace(surroundings={**beside, **within})


def _beside(value: Any, step: Step) -> dict[str, Any]:
    if type(value) is dict:
        return {name: item for name, item in value.items() if name != step}
    return {str(number): item for number, item in enumerate(value) if number != step}
