"""History objects: every record once, in its hour, under a name made of its content."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import assume, given
from hypothesis import strategies as st

from telemetry.errors import TelemetryError
from telemetry.lake import history
from telemetry.lake.history import History, Record, history_records, write_history
from telemetry.lake.layout import hour_of

START = datetime(2026, 3, 1, 22, 59, tzinfo=UTC)


class Bucket(dict[str, bytes]):
    """S3 as far as history needs it: an object is put where none is."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str) -> None:  # noqa: N803
        assert (Bucket, IfNoneMatch) == ("lake", "*")
        if Key in self:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self[Key] = Body

    def lines(self, key: str) -> list[bytes]:
        return gzip.decompress(self[key]).splitlines()


def write(bucket: Bucket, records: list[Record], **arguments: Any) -> History:
    return write_history(bucket, "lake", "telemetry", records, **arguments)


def minutes(*offsets: int | None) -> list[Record]:
    """Records that many minutes after 22:59, each with its place as its payload; None has no moment."""
    return [
        (None if offset is None else START + timedelta(minutes=offset), b"%d" % place)
        for place, offset in enumerate(offsets)
    ]


def contents(bucket: Bucket) -> dict[int, list[bytes]]:
    """The lines by the hour of the day."""
    return {hour_of(key).hour: bucket.lines(key) for key in bucket}


def test_records_lie_in_the_hours_of_their_moments() -> None:
    bucket = Bucket()
    done = write(bucket, minutes(0, 1, 2, 0, 61))
    assert contents(bucket) == {22: [b"0", b"3"], 23: [b"1", b"2"], 0: [b"4"]}
    assert (done.written, done.present, done.objects, len(done.hours)) == (5, 0, 3, 3)


def test_a_record_without_a_time_is_filed_with_its_predecessor_or_the_first() -> None:
    bucket = Bucket()
    write(bucket, minutes(None, None, 1, None, 0, None))
    assert contents(bucket) == {23: [b"0", b"1", b"2", b"3"], 22: [b"4", b"5"]}


def test_a_file_without_any_time_is_an_error() -> None:
    bucket = Bucket()
    with pytest.raises(TelemetryError, match="None of the 2 records has an event time"):
        write(bucket, minutes(None, None))
    assert not bucket


def test_records_that_wait_for_a_moment_are_bounded() -> None:
    """A file of any size whose event times are not where the contract says is not held whole."""
    taken = 0

    def records() -> Iterator[Record]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield None, b"x" * 99

    bucket = Bucket()
    with pytest.MonkeyPatch.context() as bounds:
        bounds.setattr(history, "HELD_BYTES", 1000)
        with pytest.raises(TelemetryError, match="None of the first 11 records has an event time"):
            write_history(bucket, "lake", "telemetry", records())
    assert taken == 11
    assert not bucket


def test_the_same_again_changes_nothing() -> None:
    bucket = Bucket()
    write(bucket, minutes(0, 1, 2))
    before = dict(bucket)
    done = write(bucket, minutes(0, 1, 2))
    assert (done.written, done.present, done.objects) == (0, 3, 0)
    assert bucket == before


def test_the_name_tells_the_number_of_records() -> None:
    bucket = Bucket()
    write(bucket, minutes(0, 1, 2, 3))
    assert {history_records(key): len(bucket.lines(key)) for key in bucket} == {1: 1, 3: 3}
    assert history_records("raw-data/telemetry/year=2026/month=03/day=01/hour=22/iot-telemetry-raw-lake-1.gz") is None


def test_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        write(Bucket(), [(START, b"a\nb")])


@given(
    offsets=st.lists(st.none() | st.integers(0, 200), min_size=1).filter(
        lambda offsets: any(o is not None for o in offsets)
    ),
    records=st.integers(1, 5),
    object_bytes=st.integers(2, 40),
    held=st.integers(2, 60),
)
def test_whatever_the_bounds_every_record_is_there_once_and_in_order(
    offsets: list[int | None], records: int, object_bytes: int, held: int
) -> None:
    assume(sum(len(payload) + 1 for _, payload in takewhile(lambda one: one[0] is None, minutes(*offsets))) <= held)
    seen: list[int] = []
    bucket = Bucket()
    with pytest.MonkeyPatch.context() as bounds:
        bounds.setattr(history, "OBJECT_RECORDS", records)
        bounds.setattr(history, "OBJECT_BYTES", object_bytes)
        bounds.setattr(history, "HELD_BYTES", held)
        write(bucket, minutes(*offsets), on_progress=seen.append)
        first = dict(bucket)
        write(bucket, minutes(*offsets))
    assert bucket == first
    lines = [line for key in bucket for line in bucket.lines(key)]
    assert sorted(lines, key=int) == [b"%d" % place for place in range(len(offsets))]
    assert all(len(bucket.lines(key)) == history_records(key) for key in bucket)
    assert all(len(bucket.lines(key)) <= records for key in bucket)
    assert seen == sorted(seen)
    assert seen[-1] == len(offsets)
