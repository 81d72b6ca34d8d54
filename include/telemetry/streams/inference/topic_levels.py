"""Guess which topic level names the device, and a filter that matches all topics."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from telemetry.contracts import topics
from telemetry.contracts.topics import DEVICE, UNNAMED


class Layout(NamedTuple):
    """What the levels of a well-known convention's topics are. ``device`` names those that make up the device."""

    filter: str
    levels: str
    device: tuple[str, ...]


LAYOUTS = (
    Layout("spBv1.0/+/+/+/+", "_/group/_/node/device", ("group", "node", "device")),
    Layout("spBv1.0/+/+/+", "_/group/_/node", ("group", "node")),
    Layout("owntracks/+/+", "_/user/phone", ("user", "phone")),
    Layout("homie/+/+/+", "_/device/node/property", (DEVICE,)),
    Layout("zigbee2mqtt/#", "_/device", (DEVICE,)),
    Layout("v1/devices/me/+", "_/_/_/_", ()),
    Layout("v1/gateway/+", "_/_/_", ()),
)
"""Sparkplug B, OwnTracks, Homie, Zigbee2MQTT, ThingsBoard."""
BEFORE_DEVICE = re.compile(r"(device|node|station|thing|meter|client|gateway)s?|sensors", re.IGNORECASE)
AFTER_DEVICE = re.compile(r"(binary_)?sensor|switch|light|relay|climate|cover|number|button", re.IGNORECASE)
IDENTIFIER = re.compile(r"(?=.*\d)(?=.*[0-9a-fA-F]{4}).{6,}")
VERSION = re.compile(r"v?\d(\.\d+)*", re.IGNORECASE)
SMALL_NUMBER = re.compile(r"\d{0,2}")


class TopicLevels(NamedTuple):
    """A topic filter, names for its levels, and those that make up the device; none where the topic does not say it."""

    filter: str
    names: tuple[str, ...]
    device: tuple[str, ...]
    is_told: bool = False
    """Whether the device's level is told by a convention or by its neighbours."""

    def without_device(self) -> TopicLevels:
        """The same, where the device is somewhere else: what stands at its level is nothing to compare it with."""
        return self._replace(names=tuple(UNNAMED if name == DEVICE else name for name in self.names), device=())

    @property
    def written(self) -> str | None:
        """The stream's ``levels``; ``None`` where it needs none."""
        text = "/".join(self.names)
        named = [name for name in self.names if name not in (UNNAMED, "")]
        wild = [at for at, level in enumerate(self.filter.split("/")) if level in ("+", "#")]
        if not named and len(wild) != 1:
            return None
        return None if named == [DEVICE] and wild == [self.names.index(DEVICE)] else text


def guess_levels(seen: Collection[str], wanted: str | None) -> TopicLevels:
    """The levels of the topics that were seen, or of those that the wanted filter takes: one of the two is there."""
    split = sorted({tuple(topic.split("/")) for topic in seen})
    layout = next((one for one in LAYOUTS if split and all(topics.matches(one.filter, topic) for topic in seen)), None)
    if layout is not None and (wanted is None or wanted.count("/") == layout.filter.count("/")):
        filter_ = wanted or _literal_where_unnamed(layout, split)
        return TopicLevels(filter_, tuple(layout.levels.split("/")), layout.device, bool(layout.device))
    if wanted is not None:
        return _of_filter(wanted, split)
    return _of_topics(split)


def _literal_where_unnamed(layout: Layout, split: Sequence[tuple[str, ...]]) -> str:
    """Keep levels without a name as they were seen, if they were always the same."""
    levels = zip(layout.filter.split("/"), layout.levels.split("/"), strict=True)
    return "/".join(
        split[0][at] if name == UNNAMED and level == "+" and len({topic[at] for topic in split}) == 1 else level
        for at, (level, name) in enumerate(levels)
    )


def _of_filter(wanted: str, split: Sequence[tuple[str, ...]]) -> TopicLevels:
    levels = wanted.split("/")
    wild = [at for at, level in enumerate(levels) if level in ("+", "#")]
    fitting = [topic for topic in split if topics.matches(wanted, "/".join(topic))]
    device = max(wild, key=lambda at: (_score(fitting, at, levels), -at)) if wild else None
    return _named(wanted, device, levels)


def _of_topics(split: Sequence[tuple[str, ...]]) -> TopicLevels:
    width = min(map(len, split))
    if len(set(map(len, split))) > 1:
        fixed = next((at for at in range(width) if len({topic[at] for topic in split}) > 1), width - 1)
        levels = [*split[0][:fixed], "#"]
        return _named("/".join(levels), fixed, levels)
    levels = list(split[0])
    device = max(range(width), key=lambda at: (_score(split, at, levels), -at)) if width > 1 else None
    if device is not None and _score(split, device, levels) <= 0:
        device = None
    varying = {at for at in range(width) if len({topic[at] for topic in split}) > 1}
    levels = ["+" if at in varying or at == device else level for at, level in enumerate(levels)]
    return _named("/".join(levels), device, levels)


def _named(filter_: str, device: int | None, levels: Sequence[str]) -> TopicLevels:
    """Names for the wildcards: ``device``, and others by the level before."""
    names: list[str] = []
    for at, level in enumerate(levels):
        if at == device:
            names.append(DEVICE)
        elif level in ("+", "#"):
            before = re.sub(r"\W+", "_", levels[at - 1]).strip("_").lower() if at else ""
            is_free = before.isidentifier() and before.isascii() and before not in (*names, DEVICE)
            names.append(before if is_free else f"level_{at + 1}")
        else:
            names.append(UNNAMED if level else "")
    is_told = device is not None and _neighbours_tell(levels, device)
    return TopicLevels(filter_, tuple(names), (DEVICE,) if device is not None else (), is_told)


def _neighbours_tell(levels: Sequence[str], at: int) -> bool:
    is_after = at > 0 and BEFORE_DEVICE.fullmatch(levels[at - 1])
    is_before = at + 1 < len(levels) and AFTER_DEVICE.fullmatch(levels[at + 1])
    return bool(is_after or is_before)


def _score(split: Sequence[tuple[str, ...]], at: int, levels: Sequence[str]) -> int:
    """How much speaks for a level's being the device: its neighbours, what it looks like, and where it is."""
    values = {topic[at] for topic in split if at < len(topic)}
    score = 8 if _neighbours_tell(levels, at) else 0
    if values and all(map(IDENTIFIER.fullmatch, values)):
        score += 5
    elif values and at and all(any(c.isdigit() for c in value) and not VERSION.fullmatch(value) for value in values):
        score += 3
    if len(values) > 1:
        score += 3
    if values and at > 1 and all(map(SMALL_NUMBER.fullmatch, values)):
        score -= 8
    return score + (2 if at == 1 else -1 if at == 0 else 0)
