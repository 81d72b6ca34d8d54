"""Firehose: buffering, objects, and records that no failure loses."""

from __future__ import annotations

import re
import time

from emulated import Emulator, until

OBJECT = re.compile(r"raw/year=\d{4}/month=\d\d/day=\d\d/hour=\d\d/(.+)-1-\d{4}(-\d\d){5}-[0-9a-f-]{36}\.gz")


def put(emulator: Emulator, stream: str, *records: bytes) -> None:
    answer = emulator.client("firehose").put_record_batch(
        DeliveryStreamName=stream, Records=[{"Data": data} for data in records]
    )
    assert answer["FailedPutCount"] == 0


def test_records_of_an_interval_are_one_gzip_object_in_the_hour_of_their_arrival(emulator: Emulator) -> None:
    bucket = emulator.bucket()
    stream = emulator.delivery_stream(bucket, seconds=1)
    began, hours = time.time(), {time.strftime("hour=%H", time.gmtime())}
    put(emulator, stream, b"one\n", b"two\n", b"\xff\x00three\n")
    (key,) = until(lambda: emulator.keys(bucket), "the object")
    assert time.time() - began > 1
    hours.add(time.strftime("hour=%H", time.gmtime()))
    assert (named := OBJECT.fullmatch(key))
    assert named[1] == stream
    assert key.split("/")[4] in hours
    assert emulator.content(bucket, key) == b"one\ntwo\n\xff\x00three\n"


def test_a_full_buffer_does_not_wait_for_its_interval(emulator: Emulator) -> None:
    bucket = emulator.bucket()
    stream = emulator.delivery_stream(bucket, seconds=900, mebibytes=1)
    put(emulator, stream, *[b"x" * 300_000] * 3)
    put(emulator, stream, b"y" * 300_000)
    (key,) = until(lambda: emulator.keys(bucket), "the object")
    assert emulator.content(bucket, key) == b"x" * 900_000 + b"y" * 300_000


def test_failed_deliveries_are_retried_later(emulator: Emulator) -> None:
    stream = emulator.delivery_stream("not-there-yet")
    put(emulator, stream, b"kept\n")

    def attempts() -> float:
        return emulator.metric("AWS/Firehose", "DeliveryToS3.Success", "SampleCount", DeliveryStreamName=stream)

    until(attempts, "a failed delivery")
    emulator.client("s3").create_bucket(
        Bucket="not-there-yet", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    (key,) = until(lambda: emulator.keys("not-there-yet"), "the object")
    assert emulator.content("not-there-yet", key) == b"kept\n"


def test_records_with_an_invalid_prefix_go_to_the_error_prefix(emulator: Emulator) -> None:
    bucket = emulator.bucket()
    stream = emulator.delivery_stream(bucket, Prefix="raw/!{partitionKeyFromQuery:missing}/")
    put(emulator, stream, b"lost?\n")
    (key,) = until(lambda: emulator.keys(bucket), "the object")
    assert key.startswith("errors/processing-failed/")
    assert b'"rawData": "bG9zdD8K"' in emulator.content(bucket, key)


def test_records_are_counted_in_and_out(emulator: Emulator) -> None:
    bucket = emulator.bucket()
    stream = emulator.delivery_stream(bucket, seconds=1)
    put(emulator, stream, *[b"{}\n"] * 321)
    assert emulator.metric("AWS/Firehose", "IncomingRecords", DeliveryStreamName=stream) == 321

    def delivered() -> float:
        return emulator.metric("AWS/Firehose", "DeliveryToS3.Records", DeliveryStreamName=stream)

    assert until(delivered, "the delivery") == 321
    assert len(emulator.keys(bucket)) == 1
