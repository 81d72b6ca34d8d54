"""MQTT topic filters with named levels, within what AWS IoT Core takes.

MQTT 5.0, section 4.7; AWS IoT Core developer guide, "MQTT topics"; quotas: "AWS IoT Core message broker and protocol
limits and quotas" (256 bytes of UTF-8, 7 slashes).
"""

from __future__ import annotations

from collections.abc import Sequence

BYTES_MAX = 256
SLASHES_MAX = 7
DEVICE = "device"
UNNAMED = "_"


def check_filter(topic: str) -> None:
    """Let pass a filter that a topic rule takes.

    Raises:
        ValueError: it is none, in words for people.
    """
    if not topic or len(topic.encode(errors="surrogatepass")) > BYTES_MAX:
        raise ValueError(f"a topic filter has 1 to {BYTES_MAX} bytes of UTF-8")
    if topic.startswith("$"):
        raise ValueError("topics that begin with $ are AWS's own")
    if any(character in "'\0\ufffd" or character < " " or 0xD800 <= ord(character) <= 0xDFFF for character in topic):
        raise ValueError("a topic filter holds no apostrophe (the rule's SQL quotes with it) and no control characters")
    levels = topic.split("/")
    if len(levels) > SLASHES_MAX + 1:
        raise ValueError(f"AWS IoT Core takes topics of at most {SLASHES_MAX} slashes")
    for number, level in enumerate(levels):
        if ("+" in level or "#" in level) and len(level) > 1:
            raise ValueError(f"{level!r}: + and # each stand for a whole level")
        if level == "#" and number < len(levels) - 1:
            raise ValueError("# stands at the end only")


def matches(topic_filter: str, topic: str) -> bool:
    """Whether the filter matches a topic."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    if wanted[-1] == "#":
        wanted.pop()
        return len(levels) >= len(wanted) and all(_takes(*pair) for pair in zip(wanted, levels, strict=False))
    return len(wanted) == len(levels) and all(_takes(*pair) for pair in zip(wanted, levels, strict=True))


def _takes(wanted: str, level: str) -> bool:
    return wanted in ("+", level)


def overlap(one: str, other: str) -> bool:
    """Whether a topic exists that both filters match."""
    first, second = one.split("/"), other.split("/")
    for a, b in zip(first, second, strict=False):
        if "#" in (a, b):
            return True
        if a != b and "+" not in (a, b):
            return False
    longer, shorter = sorted((first, second), key=len, reverse=True)
    return len(longer) == len(shorter) or (len(longer) == len(shorter) + 1 and longer[-1] == "#")


def level_names(topic: str, levels: str | None) -> dict[str, int]:
    """The number (from 0) of each named level; that of ``#`` stands for all levels from there on.

    ``levels`` names them in order, joined by slashes, with ``_`` where no name is needed. Without it, a filter's one
    wildcard is the device.

    Raises:
        ValueError: ``levels`` does not fit the filter, in words for people.
    """
    wanted = topic.split("/")
    if levels is None:
        wild = [number for number, level in enumerate(wanted) if level in ("+", "#")]
        return {DEVICE: wild[0]} if len(wild) == 1 else {}
    names = levels.split("/")
    if len(names) != len(wanted):
        raise ValueError(f"levels: {levels!r} names {len(names)} levels, the topic has {len(wanted)}")
    named = {name: number for number, name in enumerate(names) if name not in (UNNAMED, "")}
    if len(named) < sum(name not in (UNNAMED, "") for name in names):
        raise ValueError(f"levels: {levels!r} has a name twice")
    return named


def level_value(topic_filter: str, topic: str, number: int) -> str:
    """Return a topic's level by its number; the rest of the topic if the filter has ``#`` there."""
    levels = topic.split("/")
    is_rest = topic_filter.split("/")[number] == "#"
    return "/".join(levels[number:]) if is_rest else levels[number]


def fill(topic_filter: str, values: Sequence[str]) -> str:
    """The topic that a filter's wildcards give with those values, in order; the last value again where they run out."""
    remaining = list(values)
    return "/".join(
        (remaining.pop(0) if len(remaining) > 1 else remaining[0]) if level in ("+", "#") else level
        for level in topic_filter.split("/")
    )
