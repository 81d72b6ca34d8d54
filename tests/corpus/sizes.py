"""Sizes: as large as MQTT allows, as large as the settings allow, and larger."""

from __future__ import annotations

from collections.abc import Iterator

from corpus.model import Payload, Speaker, changed, said
from telemetry.config.settings import load_settings
from telemetry.contracts.reasons import Reason

MQTT_MAX = 128 * 1024


def payloads(speaker: Speaker) -> Iterator[Payload]:
    limit = load_settings().transform.record_bytes_max
    for what, size in (("of MQTT's limit", MQTT_MAX), ("of the setting", limit)):
        device = f"a reading {what}"
        padding = "x" * (size - len(said(changed(speaker.good(device), note=""))))
        text = said(changed(speaker.good(device), note=padding))
        assert len(text) == size
        yield speaker.payload(device, text, speaker.reads(device).beside({"note": padding}))
        yield speaker.bad(f"nonsense {what}", b"x" * size, Reason.not_json)
        yield speaker.bad(f"not UTF-8 {what}", b"\xff" * size, Reason.bad_encoding)
        yield speaker.bad(f"newlines {what}", b"\n" * size, Reason.not_json)
        yield speaker.bad(f"quotes {what}", b'{"' * (size // 2), Reason.not_json)
    for what, size in (("one byte too large", limit + 1), ("twice too large", 2 * limit)):
        text = said(changed(speaker.good("d"), note="x" * size))[:size]
        yield speaker.bad(f"a reading {what}", text, Reason.too_large, raw=text[:limit])
        yield speaker.bad(f"nonsense {what}", b"\0" * size, Reason.too_large, raw=b"\0" * limit)
