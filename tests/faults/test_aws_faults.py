"""AWS answers late, wrongly, by half, or not at all: throttling, 500, timeout, reset, lost answer, partial read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from faults.cases import Case, fault
from faults.harness.gateway import (
    Behaviour,
    Gateway,
    error,
    lost_answer,
    partial,
    refuses_deletes,
    reset,
    short,
    silence,
)
from faults.harness.law import holds, saw
from faults.harness.messages import array, corrupt, reading, readings
from faults.harness.world import World
from telemetry.interval import Interval

HOUR = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE = 0.5
"""Seconds that a worker waits for an answer of AWS, where a minute is the setting."""


class Given(NamedTuple):
    """So many times: ``operation``, on what holds ``of``, behaves so."""

    operation: str
    behaviour: Behaviour
    times: int
    of: str = ""


def case_of(id: str, done: str, promised: str, given: Given) -> object:
    return pytest.param(given, id=id, marks=fault(id, done=done, promised=promised, long=id not in SHORT))


SHORT = {
    "s3-get-throttled",
    "s3-put-throttled-for-long",
    "s3-get-timeout",
    "s3-list-reset",
    "s3-raw-partial-read",
    "s3-raw-short-read",
    "s3-manifest-short-read",
    "s3-clock-skewed",
    "secret-500",
    "sqs-receive-throttled",
    "sqs-receive-answer-lost",
    "sqs-delete-refused",
    "sqs-delete-500",
    "s3-queue-object-answer-lost",
}
"""Those that `make test` runs, too."""
RETRIED = "the client's own retries, or the state's, come through; nothing is lost or counted twice"
LAKE = [
    case_of("s3-get-throttled", "S3 answers GetObject with 503 SlowDown, three times", RETRIED,
            Given("s3.GetObject", error(503, "SlowDown"), 3)),
    case_of("s3-put-throttled-for-long", "S3 answers PutObject with 503 SlowDown, more often than the client retries",
            RETRIED, Given("s3.PutObject", error(503, "SlowDown"), 7)),
    case_of("s3-put-500", "S3 answers PutObject of a Parquet file with 500, twice", RETRIED,
            Given("s3.PutObject", error(500, "InternalError"), 2, "processed-data")),
    case_of("s3-list-500", "S3 answers ListObjectsV2 with 500, seven times", RETRIED,
            Given("s3.ListObjectsV2", error(500, "InternalError"), 7)),
    case_of("s3-get-timeout", "S3 does not answer GetObject, twice", RETRIED, Given("s3.GetObject", silence, 2)),
    case_of("s3-put-timeout", "S3 does not answer PutObject of a manifest", RETRIED,
            Given("s3.PutObject", silence, 1, "manifests")),
    case_of("s3-list-reset", "the connection is reset at ListObjectsV2, twice", RETRIED,
            Given("s3.ListObjectsV2", reset, 2)),
    case_of("s3-put-answer-lost", "S3 takes a Parquet file, and its answer is lost", RETRIED,
            Given("s3.PutObject", lost_answer, 1, "processed-data")),
    case_of("s3-manifest-answer-lost", "S3 takes a manifest, and its answer is lost", RETRIED,
            Given("s3.PutObject", lost_answer, 1, "manifests")),
    case_of("s3-raw-partial-read", "the connection is reset in the middle of a raw object",
            "it is read again, and not taken for a truncated object", Given("s3.GetObject", partial, 1, "raw-data")),
    case_of("s3-raw-short-read", "the connection ends in order in the middle of a raw object",
            "it is read again, and not taken for a truncated object", Given("s3.GetObject", short, 1, "raw-data")),
    case_of("s3-parquet-partial-read", "the connection is reset in the middle of a Parquet file", RETRIED,
            Given("s3.GetObject", partial, 1, "processed-data")),
    case_of("s3-quarantine-short-read", "the connection ends in order in the middle of the file of rejects", RETRIED,
            Given("s3.GetObject", short, 1, "quarantine-data")),
    case_of("s3-manifest-short-read", "the connection ends in order in the middle of the manifest",
            "a load is not taken for whole by a part of its manifest", Given("s3.GetObject", short, 1, "manifests")),
    case_of("s3-clock-skewed", "S3 refuses GetObject: the worker's clock is too far from its own", RETRIED,
            Given("s3.GetObject", error(403, "RequestTimeTooSkewed"), 1, "raw-data")),
    case_of("secret-500", "Secrets Manager answers with 500, seven times", RETRIED,
            Given("secretsmanager.GetSecretValue", error(500, "InternalServiceError"), 7)),
    case_of("secret-throttled", "Secrets Manager throttles, three times", RETRIED,
            Given("secretsmanager.GetSecretValue", error(400, "ThrottlingException"), 3)),
]  # fmt: skip
KNOWN = "what comes again is known by its envelope's id and counted once"
QUEUE = [
    case_of("sqs-receive-throttled", "SQS throttles ReceiveMessage, five times", RETRIED,
            Given("sqs.ReceiveMessage", error(400, "RequestThrottled"), 5)),
    case_of("sqs-receive-500", "SQS answers ReceiveMessage with 500, 30 times", RETRIED,
            Given("sqs.ReceiveMessage", error(500, "InternalError"), 30)),
    case_of("sqs-receive-timeout", "SQS does not answer ReceiveMessage, twice", RETRIED,
            Given("sqs.ReceiveMessage", silence, 2)),
    case_of("sqs-receive-answer-lost", "SQS hands out messages, and its answer is lost", RETRIED,
            Given("sqs.ReceiveMessage", lost_answer, 2)),
    case_of("sqs-receive-partial", "SQS's answer breaks off in the middle of the messages", RETRIED,
            Given("sqs.ReceiveMessage", partial, 2)),
    case_of("sqs-delete-500", "SQS answers DeleteMessageBatch with 500, twice", RETRIED,
            Given("sqs.DeleteMessageBatch", error(500, "InternalError"), 2)),
    case_of("sqs-delete-answer-lost", "SQS deletes, and its answer is lost", RETRIED,
            Given("sqs.DeleteMessageBatch", lost_answer, 1)),
    case_of("sqs-delete-refused", "SQS says that it deleted none of a batch", KNOWN,
            Given("sqs.DeleteMessageBatch", refuses_deletes, 3)),
    case_of("sqs-delete-reset-for-long", "the connection is reset at DeleteMessageBatch, twelve times", KNOWN,
            Given("sqs.DeleteMessageBatch", reset, 12)),
    case_of("s3-queue-object-answer-lost", "S3 takes a queue object, and its answer is lost",
            "its messages go into a second object, are deleted, and counted once",
            Given("s3.PutObject", lost_answer, 1, "queue-data")),
    case_of("s3-queue-object-conflict", "S3 says 409: another writes the queue object's key",
            "the messages go under the next name", Given("s3.PutObject", error(409, "ConditionalRequestConflict"), 2,
                                                         "queue-data")),
    # More often than the client retries. Another retry of the state could come while SQS still hides the messages.
    case_of("s3-queue-object-500", "S3 answers PutObject of a queue object with 500, four times",
            "the messages stay in the queue, and are drained by the retry",
            Given("s3.PutObject", error(500, "InternalError"), 4, "queue-data")),
]  # fmt: skip


@pytest.fixture
def gateway(world: World) -> Iterator[Gateway]:
    with Gateway(world.cloud.port) as made:
        yield made


@pytest.mark.parametrize("given", LAKE)
def test_an_aws_fault_in_the_lake_lane(world: World, case: Case, gateway: Gateway, given: Given) -> None:
    when = HOUR - timedelta(minutes=1)
    world.record([*readings(range(60), when), corrupt(0), array([reading(200, when)])], HOUR)
    world.record([*readings(range(1000, 1060), when), *readings(range(10), when), corrupt(1)], HOUR)
    trouble = gateway.expect(*given[:2], times=given.times, of=given.of)
    ending = world.run(
        "hourly", Interval.hour(HOUR), always={state: [gateway.through(PATIENCE)] for state in world.everywhere}
    )
    assert trouble.met == given.times, f"it happened {trouble.met} times only"
    assert ending.status == "SUCCEEDED", ending
    failed = [state for state, ended in world.machines[-1].attempts if ended.error]
    saw(world, case, f"{', '.join(failed) or 'no state'} had to be tried again")


@pytest.mark.parametrize("given", QUEUE)
def test_an_aws_fault_in_the_queue_lane(world: World, case: Case, gateway: Gateway, given: Given) -> None:
    world.publish([*readings(range(45)), corrupt(0), corrupt(5)])
    trouble = gateway.expect(*given[:2], times=given.times, of=given.of)
    world.run("queue", always={state: [gateway.through(PATIENCE)] for state in world.everywhere})
    assert trouble.met == given.times, f"it happened {trouble.met} times only"
    failed = [state for state, ended in world.machines[-1].attempts if ended.error]
    holds(world)
    world.settle()
    ((again,),) = world.rows("SELECT sum(redelivered) FROM load_objects")
    saw(world, case, f"{', '.join(failed) or 'no state'} had to be tried again, {again} messages were known")
