"""Event times: years that are none, leap seconds, offsets, and seconds where milliseconds belong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from corpus.model import CONTRACTS, HERE, Payload, Speaker, said
from telemetry.contracts.reasons import Reason

NO_TIMES = [
    "",
    " ",
    "now",
    "yesterday",
    "null",
    "NaT",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00+01:00",
    "10000-01-01T00:00:00Z",
    "+10000-01-01T00:00:00Z",
    "-2026-03-01T12:00:00Z",
    "9999-12-31T23:59:59-01:00",
    "2026-02-29T12:00:00Z",
    "2026-02-30T12:00:00Z",
    "2026-00-01T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-03-00T12:00:00Z",
    "2026-03-01T24:00:01Z",
    "2026-03-01T25:00:00Z",
    "2026-03-01T12:60:00Z",
    "2026-03-01T12:00:00",
    "2026-03-01 12:00:00",
    "2026-03-01",
    "2026-03-01Z",
    "12:00:00Z",
    "2026-03-01T12:00:00+24:00",
    "2026-03-01T12:00:00+99:99",
    "2026-03-01T12:00:00+1",
    "2026-03-01T12:00:00 UTC",
    "2026-03-01T12:00:00 Europe/Zurich",
    "2026-03-01T12:00:00Z[Europe/Zurich]",
    "2026-03-01T12:00:00ZZ",
    " 2026-03-01T12:00:00Z",
    "2026-03-01T12:00:00Z ",
    "2026-03-01T12:00:00Z\n",
    "2026-03-01T12:00:00\u221205:00",
    "２０２６-03-01T12:00:00Z",
    "٢٠٢٦-03-01T12:00:00Z",
    "2026-3-1T12:00:00Z",
    "2026-060T12:00:00Z",
    "2026-W99-1T12:00:00Z",
    "01/03/2026 12:00:00",
    "Sun, 01 Mar 2026 12:00:00 GMT",
    "1772366400",
    "1772366400000",
    "1772366400.5",
    "2026-03-01T12:00:00.123.456Z",
    "2026-03-01T12:00:00Z'; DROP TABLE loads; --",
    "2026-03-01x12:00:00Z",
    "2026-03-01😀12:00:00Z",
    "2026-03-01T12:00:00Z\0",
    "infinity",
    "-infinity",
    "epoch",
    "allballs",
]

TIMES = {
    "2026-02-03T12:00:00Z": (12, 0, 0, 0),
    "2026-02-03t12:00:01z": (12, 0, 1, 0),
    "2026-02-03 12:00:02+00:00": (12, 0, 2, 0),
    "2026-02-03T12:00:03-00:00": (12, 0, 3, 0),
    "2026-02-03T14:00:04+0200": (12, 0, 4, 0),
    "2026-02-03T17:30:05+05:30": (12, 0, 5, 0),
    "2026-02-04T02:00:06+14:00": (12, 0, 6, 0),
    "2026-02-03T00:00:07-12:00": (12, 0, 7, 0),
    "2026-02-04T11:59:08+23:59": (12, 0, 8, 0),
    "2026-02-03T12:00:09.5Z": (12, 0, 9, 500_000),
    "2026-02-03T12:00:10.123456789Z": (12, 0, 10, 123_456),
    "2026-02-03T12:00:11.999999999Z": (12, 0, 11, 999_999),
    "2026-02-03T12:00:12.000000Z": (12, 0, 12, 0),
    "2026-02-03T12:13Z": (12, 13, 0, 0),
}

FAR = ["2100-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59+14:00"]

NO_SECONDS = [
    "-1",
    "-1e300",
    "-0.001",
    "1e300",
    "1.7976931348623157e308",
    "253402300800",  # the year 10000
    "1772366400000",  # milliseconds
    "1772366400000000",
    "1772366400000000000",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "1" + "0" * 300,
]
SECONDS = {"0": 0, "-0.0": 0, "1": 1_000_000, "1e9": 10**15, "1593561600.25": 1_593_561_600_250_000, "1e-400": 0}
FAR_SECONDS = ["4102444800", "253402300799", "253402300799.9"]


def payloads(speaker: Speaker) -> Iterator[Payload]:
    yield from _iso8601(speaker) if speaker.stream == "telemetry" else _epoch(speaker)
    yield from _edges(speaker)


def _iso8601(speaker: Speaker) -> Iterator[Payload]:
    for text in NO_TIMES:
        document = speaker.good("d", event_time=text)
        yield speaker.bad(f"no time: {text!r}", said(document), Reason.bad_timestamp)
    for text in FAR:
        yield speaker.bad(f"far: {text}", said(speaker.good("d", event_time=text)), Reason.future_timestamp)
    for text, (hour, minute, second, microsecond) in TIMES.items():
        device = f"time {text}"
        moment = datetime(2026, 2, 3, hour, minute, second, microsecond, UTC)
        yield speaker.payload(device, said(speaker.good(device, event_time=text)), speaker.reads(device).at(moment))


def _epoch(speaker: Speaker) -> Iterator[Payload]:
    for text in NO_SECONDS:
        document = speaker.good("d", event_time=HERE)
        yield speaker.bad(f"no time: {text[:40]}", said(document, text), Reason.bad_timestamp)
    for text in FAR_SECONDS:
        document = speaker.good("d", event_time=HERE)
        yield speaker.bad(f"far: {text}", said(document, text), Reason.future_timestamp)
    for text, microseconds in SECONDS.items():
        device = f"time {text}"
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
        content = said(speaker.good(device, event_time=HERE), text)
        yield speaker.payload(device, content, speaker.reads(device).at(moment))


def _edges(speaker: Speaker) -> Iterator[Payload]:
    """A device's clock may be ahead of the end of the hour of arrival by as much as the contract says."""
    ahead = timedelta(seconds=CONTRACTS[speaker.stream].event_time_ahead_seconds)
    latest = speaker.hour + timedelta(hours=1) + ahead
    for what, moment in (("the last moment", latest), ("1970", datetime(1970, 1, 1, tzinfo=UTC))):
        device = f"time: {what}"
        document = speaker.good(device, event_time=_written(speaker, moment))
        yield speaker.payload(device, said(document), speaker.reads(device).at(moment))
    for far in (timedelta(milliseconds=1), timedelta(hours=1), timedelta(days=400)):
        document = speaker.good("d", event_time=_written(speaker, latest + far))
        yield speaker.bad(f"time: {far} after the last moment", said(document), Reason.future_timestamp)


def _written(speaker: Speaker, moment: datetime) -> str | float:
    return moment.isoformat() if speaker.stream == "telemetry" else moment.timestamp()
