"""Hour partitions: time becomes a key, and a key becomes time."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.interval import HOUR, Interval, Lane
from telemetry.lake.layout import HIVE_HOUR, PROCESSED, firehose_prefix, hour_of, queue_prefix, raw_prefix
from telemetry.lake.raw_object import RawObject

moments = st.datetimes(
    min_value=datetime(1970, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.timezones(),
)


@given(moments)
def test_every_moment_is_in_the_hour_that_its_key_names(moment: datetime) -> None:
    for prefix in (raw_prefix("door", moment), queue_prefix("door", moment)):
        assert hour_of(f"{prefix}x.gz") <= moment < hour_of(f"{prefix}x.gz") + HOUR


@given(moments)
def test_an_hour_in_any_zone_is_an_hour_in_utc(moment: datetime) -> None:
    interval = Interval.hour(moment)
    assert list(interval.hours()) == [interval.start]
    assert interval.start.utcoffset() == timedelta(0)


@given(moments, st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=3)))
def test_an_interval_touches_hours_without_a_gap(start: datetime, length: timedelta) -> None:
    start = start.astimezone(UTC)
    hours = list(Interval(start, start + length).hours())
    assert hours[0] <= start < hours[0] + HOUR
    assert hours[-1] < start + length <= hours[-1] + HOUR
    assert all(later - earlier == HOUR for earlier, later in pairwise(hours))


def test_a_day_has_24_hours() -> None:
    assert len(list(Interval.day(date(2026, 3, 29)).hours())) == 24


@given(moments)
def test_firehose_writes_where_the_etl_reads(moment: datetime) -> None:
    """With the fields that Firehose takes from Java's DateTimeFormatter; ``YYYY`` would be the year of the ISO week."""
    utc = moment.astimezone(UTC)
    fields = {"yyyy": f"{utc.year:04}", "MM": f"{utc.month:02}", "dd": f"{utc.day:02}", "HH": f"{utc.hour:02}"}
    prefix = re.sub(r"!\{timestamp:(\w+)\}", lambda found: fields[found[1]], firehose_prefix("door"))
    assert prefix == raw_prefix("door", moment)


def test_an_offset_moves_the_hour() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert raw_prefix("door", datetime(2026, 1, 1, 0, 15, tzinfo=india)) == (
        "raw-data/door/year=2025/month=12/day=31/hour=18/"
    )


def test_derived_files_are_in_the_objects_partition_under_its_name() -> None:
    hour = datetime(2026, 1, 2, 3, tzinfo=UTC)
    raw_object = RawObject("raw", f"{raw_prefix('door', hour)}a.jsonl.gz", "e", bytes=1, lane=Lane.lake)
    key = raw_object.derived_key(PROCESSED)
    assert key == f"processed-data/door/lane=lake/{hour.strftime(HIVE_HOUR)}/a.jsonl.gz.parquet"
    assert hour_of(key) == raw_object.hour == hour


def test_no_two_objects_share_a_derived_key() -> None:
    prefix = raw_prefix("door", datetime(2026, 1, 2, 3, tzinfo=UTC))
    names = ["x.jsonl", "x.jsonl.gz", "a/x.jsonl.gz", "b/x.jsonl.gz", "year=2026/month=01/day=02/hour=03/x.jsonl.gz"]
    objects = [RawObject("raw", prefix + name, "e", bytes=1, lane=lane) for name in names for lane in Lane]
    assert len({one.derived_key(PROCESSED) for one in objects}) == len(objects)


raw_objects = st.builds(
    RawObject,
    bucket=st.text(),
    key=st.text(),
    etag=st.text(),
    bytes=st.integers(0),
    lane=st.sampled_from(Lane),
    rows=st.none() | st.integers(0),
    error=st.none() | st.text(),
)


@given(raw_objects)
def test_a_reference_travels_as_json(raw_object: RawObject) -> None:
    document = raw_object.document()
    assert None not in document.values()
    assert RawObject.from_document(json.loads(json.dumps(document))) == raw_object


@pytest.mark.parametrize("key", ["", "raw-data/door/x.gz", "raw-data/door/year=2026/month=1/day=1/hour=1/x"])
def test_a_key_in_no_partition_is_an_error(key: str) -> None:
    with pytest.raises(ValueError, match="in no hour partition"):
        hour_of(key)
