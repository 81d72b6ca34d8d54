"""What comes again, changes or goes: messages that SQS hands out once more, raw objects that are no more the same."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest

import etl
from faults.cases import Case, fault
from faults.harness.law import holds, saw
from faults.harness.messages import HOUR_START, INTERVAL, array, corrupt, reading, readings, some
from faults.harness.steps import at_end, call, stop_at
from faults.harness.worker import Worker
from faults.harness.world import World
from telemetry.interval import Interval, Lane


def bodies(world: World) -> list[str]:
    """The bodies that are in the queue; they come back at once."""
    found = etl.sqs().receive_message(QueueUrl=world.queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in found.get("Messages", [])]


@fault(
    "message-after-its-delete",
    done="SQS hands out messages again that were drained, loaded and deleted",
    promised="they are known by their envelopes' ids, and counted once",
)
def test_a_message_is_redelivered_after_its_delete(world: World, case: Case) -> None:
    world.publish([*readings(range(8)), corrupt(0)])
    again = bodies(world)
    assert len(again) == 9
    world.run("queue")
    etl.send(world.queue, again)
    world.settle()
    assert world.rows("SELECT sum(redelivered) FROM load_objects WHERE lane = 'queue'") == [(9,)]
    saw(world, case, "9 messages were known")


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(when, marks=fault(f"visibility-expires-{when}-put", done=f"a drain is frozen {when} it writes an "
                     "object until SQS hands its messages to another drain; then it goes on", promised="both objects "
                     "are loaded, every message is counted once"))
        for when in ("before", "after")
    ],
)  # fmt: skip
def test_visibility_expires_in_mid_drain(world: World, case: Case, when: Any) -> None:
    world.publish([*readings(range(30)), corrupt(0)])

    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        world.come_back()
        machine, document = world.by_hand("queue", Interval.hour(datetime.now(UTC)), "the-other-drain")
        assert machine.run(document).status == "SUCCEEDED"
        worker.go_on()

    stopped = [[stop_at(call("s3", "PutObject", when, of="queue-data/"))]]
    world.run("queue", plan={"ExtractData": stopped}, meanwhile={"ExtractData": meanwhile})
    holds(world)
    world.settle()
    ((redelivered,),) = world.rows("SELECT sum(redelivered) FROM load_objects")
    assert redelivered == 31
    saw(world, case, "31 messages were known")


@fault(
    "published-twice",
    done="a device publishes the same readings twice, and once more in an array",
    promised="stored once; the others are duplicates",
)
def test_the_same_reading_is_published_again(world: World, case: Case) -> None:
    sent = readings(range(10))
    world.publish([*sent, *sent, array(sent), corrupt(0), corrupt(0)])
    world.run("queue")
    world.settle()
    saw(world, case, "10 readings")


# Objects that change or go, against all rules


@fault(
    "object-deleted-after-listing",
    done="a raw object is deleted between its listing and its transformation, and restored later",
    promised="the load fails and names it, its neighbour is loaded; restored, it is taken by the next load",
)
def test_an_object_is_gone(world: World, case: Case) -> None:
    world.record(some(), HOUR_START)
    world.record(some(1000), HOUR_START)
    key = world.keys("raw-data/")[0]
    bucket, s3 = os.environ["TELEMETRY_RAW_BUCKET"], etl.s3()
    marker: list[str] = []

    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        marker.append(s3.delete_object(Bucket=bucket, Key=key)["VersionId"])
        worker.go_on()

    ending = world.run(
        "hourly", INTERVAL, plan={"ExtractData": [[stop_at(at_end())]]}, meanwhile={"ExtractData": meanwhile}
    )
    assert (ending.status, key in ending.cause) == ("FAILED", True)
    assert world.rows("SELECT status, objects FROM loads") == [("failed", 1)]
    s3.delete_object(Bucket=bucket, Key=key, VersionId=marker[0])
    assert world.run("hourly", INTERVAL).status == "SUCCEEDED"
    saw(world, case, "failed with 1 of 2 objects; the next load took the other")


@fault(
    "object-replaced-after-listing",
    done="a raw object is replaced under its key between its listing and its transformation, and restored later",
    promised="what was not listed is not loaded under its name: the load fails; restored, the next one takes it",
)
def test_an_object_is_replaced(world: World, case: Case) -> None:
    world.record(some(), HOUR_START)
    key = world.keys("raw-data/")[0]
    bucket, s3 = os.environ["TELEMETRY_RAW_BUCKET"], etl.s3()
    written: list[str] = []

    def meanwhile(worker: Worker) -> None:
        worker.wait_stopped()
        written.append(s3.put_object(Bucket=bucket, Key=key, Body=b'{"device_id": "intruder"}\n')["VersionId"])
        worker.go_on()

    ending = world.run(
        "hourly", INTERVAL, plan={"ExtractData": [[stop_at(at_end())]]}, meanwhile={"ExtractData": meanwhile}
    )
    assert ending.status == "FAILED"
    assert world.rows("SELECT count(*) FROM load_objects") == [(0,)]
    s3.delete_object(Bucket=bucket, Key=key, VersionId=written[0])
    assert world.run("hourly", INTERVAL).status == "SUCCEEDED"
    saw(world, case, "failed without it; the next load took the one that was listed")


@fault(
    "firehose-object-lost",
    done="an object that Firehose delivered is deleted before any load, and restored later",
    promised="the loss is seen as unaccounted, to the message",
)
def test_a_loss_is_seen(world: World, case: Case) -> None:
    world.publish([*readings(range(20)), corrupt(0)])
    world.arrive()
    keys = world.keys("raw-data/")
    bucket, s3 = os.environ["TELEMETRY_RAW_BUCKET"], etl.s3()
    markers = [(key, s3.delete_object(Bucket=bucket, Key=key)["VersionId"]) for key in keys]
    assert world.account().lanes[Lane.lake].unaccounted == 21
    for key, version in markers:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    assert world.account().lanes[Lane.lake].unaccounted == 0
    world.settle()
    saw(world, case, "unaccounted 21 while it was gone, 0 after")


def test_an_envelope_is_what_the_queue_holds(world: World) -> None:
    """What the cases above stand on: the identity of a message is in its body, the same in both lanes."""
    world.publish([reading(1)])
    world.arrive()
    (key,) = world.keys("raw-data/")
    in_lake = etl.gunzip(etl.s3().get_object(Bucket=etl.raw_bucket(), Key=key)["Body"].read())
    assert json.loads(in_lake)["message_id"] == json.loads(bodies(world)[0])["message_id"]
