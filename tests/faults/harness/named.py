"""The named steps of every function: where a worker may die, and an execution must survive it."""

from __future__ import annotations

from faults.harness.steps import Step, at_end, call, commit, copying, statement

CLAIM, DAYS = "INSERT INTO load_objects", "INSERT INTO load_object_days"
MESSAGE_IDS = "INSERT INTO queue_messages"
STAGE, MERGE, QUARANTINE = "COPY stage", 'INSERT INTO "telemetry_readings"', "COPY quarantine"
LOADED = "SELECT key FROM load_objects"


def around(pattern: str, name: str, nth: int = 1) -> list[Step]:
    """Before and after a statement."""
    return [statement(pattern, when, nth, name=name) for when in ("before", "after")]


def around_call(service: str, operation: str, of: str = "", nth: int = 1) -> list[Step]:
    """Before and after a call."""
    return [call(service, operation, when, nth, of=of) for when in ("before", "after")]


EXTRACT = [
    *around("UPDATE loads SET execution_arn", "the execution is noted in its load"),
    *(commit(when) for when in ("before", "after")),
    *around_call("s3", "ListObjectsV2"),
    statement(LOADED, "after", name="the ledger is asked for what it has"),
    *around_call("s3", "PutObject", of="manifests/"),
    at_end(),
]
DRAIN = [
    *around_call("sqs", "ReceiveMessage"),
    *around_call("s3", "PutObject", of="queue-data/"),
    *around_call("sqs", "DeleteMessageBatch"),
    *around_call("s3", "PutObject", of="queue-data/", nth=2),
    call("sqs", "DeleteMessageBatch", "after", 3),
    *around_call("s3", "PutObject", of="manifests/"),
    at_end(),
]
TRANSFORM = [
    *around_call("s3", "GetObject"),
    *around_call("s3", "PutObject", of="quarantine-data/"),
    *around_call("s3", "PutObject", of="processed-data/"),
    call("s3", "GetObject", "after", 2),
    at_end(),
]
LOAD = [
    call("secretsmanager", "GetSecretValue", "after"),
    statement(LOADED, "after", name="the ledger is asked for what it has"),
    *around_call("s3", "GetObject", of="processed-data/"),
    *around(CLAIM + " ", "the claim of an object"),
    statement(STAGE, "before", name="COPY of the readings"),
    copying(STAGE, name="COPY of the readings"),
    statement(STAGE, "after", name="COPY of the readings"),
    *around(MERGE, "the merge into the table"),
    statement(QUARANTINE, "before", name="COPY into quarantine"),
    copying(QUARANTINE, name="COPY into quarantine"),
    statement(QUARANTINE, "after", name="COPY into quarantine"),
    statement("UPDATE load_objects", "after", name="the object's counts"),
    statement(DAYS, "after", name="the object's days"),
    statement("UPDATE loads", "after", name="the load's sums"),
    commit("before", 2),
    commit("after", 2),
    statement(CLAIM + " ", "after", 2, name="the claim of an object"),
    commit("after", 3),
    at_end(),
]
LOAD_QUEUE = [*around(MESSAGE_IDS, "the messages' ids are remembered"), commit("before", 2), commit("after", 2)]
SUMMARISE = [
    *around_call("s3", "GetObject"),
    statement(LOADED, "after", name="the ledger is asked for what it has"),
    *around("UPDATE loads", "the load is closed"),
    commit("before", 2),
    commit("after", 2),
    at_end(),
]
FAIL = [
    *around(r"UPDATE loads\s+SET status", "the load is closed"),
    commit("before", 2),
    commit("after", 2),
    at_end(),
]
