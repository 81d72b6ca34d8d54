"""Guess which messages are measurements, if a topic carries other messages, too."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from telemetry.contracts.json_path import Path, Step
from telemetry.streams.inference.doubts import About, Doubt
from telemetry.streams.inference.leaves import Message, Steps, is_object, is_positional, leaves, written
from telemetry.streams.inference.names import words

TYPE_NAME = re.compile(r"(.*_)?(type|kind|cmd|command|method|event|action|msg_?type|message_?type|topic_?type)")
WORD = re.compile(r"[A-Za-z_][A-Za-z_./: -]*\d{0,2}")
"""What the name of a kind looks like; the id of a message is no such word."""
EVERYWHERE = re.compile(r"link_?quality|lqi|rssi|seq.*|.*time.*|ts")
"""What all of a network's measurements say beside them."""
KINDS_MAX = 20
ALIKE = 0.75
"""Kinds whose values are at so many paths of all are no different kinds."""


class Kinds:
    """The messages that are measurements, and the conditions that a stream's file has for them."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = list(messages)
        self.conditions: list[dict[str, Any]] = []
        self.constants: list[Path] = []
        """Where the messages all say the same, by the conditions."""
        self.doubts: list[Doubt] = []
        self._split_by_type()
        self._leave_out_what_has_no_numbers()

    def _split_by_type(self) -> None:
        for step in _type_steps(self.messages):
            groups: dict[str, list[Message]] = defaultdict(list)
            for message in self.messages:
                groups[message.document[step]].append(message)
            if 1 < len(groups) <= KINDS_MAX and _differ(list(groups.values())):
                chosen = max(groups, key=lambda kind: (_richness(groups[kind]), len(groups[kind])))
                path = written(Path((step,), type(step) is int))
                self.messages = groups[chosen]
                self.constants = [Path((step,), False), Path((step,), True)]
                self.conditions.append({"path": path, "equals": chosen})
                others = ", ".join(sorted(groups.keys() - {chosen})[:5])
                said = f"only messages whose {path} is {chosen} are taken; others were {others}"
                self.doubts.append(Doubt(About.messages, said))
                return

    def _leave_out_what_has_no_numbers(self) -> None:
        """Messages that share no name with the measurements and measure nothing, such as a device's availability."""
        objects = [message for message in self.messages if is_object(message.document)]
        groups = _sharing_names(objects)
        if len(groups) < 2:
            return
        main = max(groups, key=lambda group: (_richness(group), len(group)))
        rest = [message for group in groups if group is not main for message in group]
        common = set.intersection(*(set(message.document) for message in main))
        if _richness(rest) or not common:
            return
        names = list(main[0].document)
        name = min(common, key=lambda one: (EVERYWHERE.fullmatch(words(one)) is None, names.index(one)))
        path = written(Path((name,), False))
        self.messages = main
        self.conditions.append({"path": path, "present": True})
        said = f"only messages that have {path} are taken; {len(rest)} others have no numbers"
        self.doubts.append(Doubt(About.messages, said))


def _type_steps(messages: Sequence[Message]) -> list[Step]:
    """Where a payload may say what it is: a text under a telling name, or an item of an array of unlike things."""
    if not messages:
        return []
    documents = [message.document for message in messages]
    first = documents[0]
    if is_object(first):
        return [name for name in first if TYPE_NAME.fullmatch(words(name)) and _all_texts(documents, _member(name))]
    if is_positional(first):
        return [number for number in range(len(first)) if _all_texts(documents, _item(number))]
    return []


def _member(name: str) -> Callable[[Any], Any]:
    return lambda document: document.get(name) if is_object(document) else None


def _item(number: int) -> Callable[[Any], Any]:
    return lambda document: document[number] if is_positional(document) and number < len(document) else None


def _all_texts(documents: Sequence[Any], value: Callable[[Any], Any]) -> bool:
    return all(type(found := value(document)) is str and WORD.fullmatch(found) for document in documents)


def _paths(messages: Sequence[Message]) -> set[Steps]:
    return {steps for message in messages for steps, _ in leaves(message.document)}


def _differ(groups: Sequence[Sequence[Message]]) -> bool:
    shapes = [_paths(group) for group in groups]
    return any(len(one & other) < ALIKE * len(one | other) for one in shapes for other in shapes)


def _richness(messages: Sequence[Message]) -> int:
    """At how many paths there are numbers."""
    return len(
        {
            steps
            for one in messages
            for steps, value in leaves(one.document)
            if type(value) not in (str, bool, type(None))
        }
    )


def _sharing_names(messages: Sequence[Message]) -> list[list[Message]]:
    """The messages in groups: two are in one if they share a name, or each shares one with a third."""
    groups: list[tuple[set[str], list[Message]]] = []
    for message in messages:
        names = set(message.document)
        joined = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        members = [*(one for group in joined for one in group[1]), message]
        groups.append((names.union(*(group[0] for group in joined)), members))
    return [sorted(members, key=lambda one: one.number) for _, members in groups]
