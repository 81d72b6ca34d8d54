"""Numbers: what JSON knows not, what a double cannot hold, and both ends of each range."""

from __future__ import annotations

import math
from collections.abc import Iterator

from corpus.model import CONTRACTS, HERE, Payload, Speaker, changed, said
from telemetry.contracts.reasons import Reason

NO_NUMBERS = {
    "NaN": "NaN",
    "nan": "nan",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "inf": "inf",
    "a plus": "+21",
    "a leading zero": "021",
    "a leading point": ".5",
    "a trailing point": "21.",
    "no exponent": "21e",
    "two points": "2.1.5",
    "hexadecimal": "0x15",
    "octal": "0o25",
    "underscores": "2_1",
    "a thousands separator": "21,5",
    "a degree sign": "21°",
    "full width": "２１",
    "a minus sign of typographers": "−21",
    "two minus": "--21",
}

BEYOND_DOUBLE = {
    "beyond double": "1e400",
    "beyond double below": "-1e400",
    "400 digits": "1" + "0" * 400,
    "just beyond double": "1.7976931348623159e308",
    "an exponent without end": "1e" + "9" * 1000,
}

TEMPERATURES = {
    "21": 21.0,
    "-0": 0.0,
    "-0.0": -0.0,
    "0e0": 0.0,
    "0.0e-999": 0.0,
    "1e-400": 0.0,
    "-1e-400": -0.0,
    "5e-324": 5e-324,
    "2.2250738585072011e-308": 2.2250738585072011e-308,
    "1E1": 10.0,
    "1e+1": 10.0,
    "2.15e+01": 21.5,
    "0.1": 0.1,
    "0." + "1" * 300: 0.1111111111111111,
    "21.500000000000000000000000000000000001": 21.5,
    "0." + "0" * 400 + "1": 0.0,
    "84.999999999999999999": 85.0,
}

TOO_FAR = ["1e308", "-1e308", "1" + "0" * 30, "18446744073709551616", "9223372036854775808", "-9223372036854775809"]

SURPLUS = {
    "2^53 + 1": 2**53 + 1,
    "2^63": 2**63,
    "-2^63": -(2**63),
    "2^64 - 1": 2**64 - 1,
    "the largest double": 1.7976931348623157e308,
    "the smallest": 5e-324,
    "a fraction": 0.1 + 0.2,
    "an integer as a double": 27.0,
}
"""Numbers that the contract does not name are as exact as 64 bits are."""


def payloads(speaker: Speaker) -> Iterator[Payload]:
    for what, text in NO_NUMBERS.items():
        document = speaker.good("d", temperature=HERE)
        yield speaker.bad(f"no number: {what}", said(document, text), Reason.not_json)
        yield speaker.bad(f"no number alone: {what}", text.encode(), Reason.not_json)
    for what, text in BEYOND_DOUBLE.items():
        document = speaker.good("d", temperature=HERE)
        yield speaker.bad(f"a number {what}", said(document, text), Reason.out_of_range)
        yield speaker.bad(f"a number alone: {what}", text.encode(), Reason.not_object)
    for text, value in TEMPERATURES.items():
        device = f"temperature {text[:50]}"
        document = speaker.good(device, temperature=HERE)
        yield speaker.payload(device, said(document, text), speaker.reads(device, temperature=value))
    yield from _ranges(speaker)
    for what, number in SURPLUS.items():
        device = f"surplus number: {what}"
        reading = speaker.reads(device).beside({"note": number})
        yield speaker.payload(device, said(changed(speaker.good(device), note=number)), reading)


def _ranges(speaker: Speaker) -> Iterator[Payload]:
    """Every number of the contract: its ends are within, the next doubles are not."""
    for name, field in CONTRACTS[speaker.stream].fields.items():
        if field.range is None:
            continue
        for end, beyond in zip(field.range, (-math.inf, math.inf), strict=True):
            device = f"{name} is {end:g}"
            yield speaker.payload(
                device, said(speaker.good(device, **{name: end})), speaker.reads(device, **{name: end})
            )
            for far in (math.nextafter(end, beyond), end + math.copysign(1, beyond)):
                document = speaker.good("d", **{name: far})
                yield speaker.bad(f"{name} is {far!r}", said(document), Reason.out_of_range)
        for text in TOO_FAR:
            document = speaker.good("d", **{name: HERE})
            yield speaker.bad(f"{name} is {text}", said(document, text), Reason.out_of_range)
