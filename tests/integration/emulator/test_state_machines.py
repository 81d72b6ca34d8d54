"""Step Functions: batches, names that attach, retries, error names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulated import Emulator, unique, until

INVOKE = "arn:aws:states:::lambda:invoke"


def batched_map(emulator: Emulator, batcher: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Distributed Map over a JSONL object, whose result is its children's inputs."""
    return {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.key"},
        },
        "ItemBatcher": batcher,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Child",
            "States": {
                "Child": {
                    "Type": "Pass",
                    "Parameters": {"given.$": "$", "id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name"},
                    "End": True,
                }
            },
        },
        "MaxConcurrency": 4,
        "End": True,
        **more,
    }


def lines(emulator: Emulator, items: list[Any]) -> dict[str, str]:
    bucket = emulator.bucket()
    body = "".join(json.dumps(item) + "\n" for item in items)
    emulator.client("s3").put_object(Bucket=bucket, Key="manifest.jsonl", Body=body)
    return {"bucket": bucket, "key": "manifest.jsonl"}


def test_items_are_handed_to_children_in_batches(emulator: Emulator) -> None:
    items = [{"key": f"object {number}"} for number in range(45)]
    batcher = {
        "MaxItemsPerBatch": 20,
        "BatchInput": {"stream.$": "$.stream", "load.$": "$$.Execution.Name", "fixed": 1},
    }
    machine = emulator.state_machine({"Map": batched_map(emulator, batcher)})
    execution = emulator.execute(machine, {**lines(emulator, items), "stream": "s"})
    children = json.loads(execution["output"])
    assert [len(child["given"]["Items"]) for child in children] == [20, 20, 5]
    assert [item for child in children for item in child["given"]["Items"]] == items
    for child in children:
        assert child["given"]["BatchInput"] == {"stream": "s", "load": execution["name"], "fixed": 1}
        assert child["name"] != execution["name"]
        assert child["id"].endswith(child["name"])


def test_batches_are_bounded_by_bytes(emulator: Emulator) -> None:
    items = [{"key": "x" * 100} for _ in range(10)]
    machine = emulator.state_machine({"Map": batched_map(emulator, {"MaxInputBytesPerBatch": 400})})
    children = json.loads(emulator.execute(machine, lines(emulator, items))["output"])
    assert [len(child["given"]["Items"]) for child in children] == [3, 3, 3, 1]
    assert all(len(json.dumps(child["given"])) <= 400 for child in children)


def test_a_failing_batch_is_tolerated_as_configured(emulator: Emulator) -> None:
    items = list(range(4))
    failing = batched_map(emulator, {"MaxItemsPerBatch": 1}, ToleratedFailurePercentage=25, ResultPath=None)
    failing["ItemProcessor"]["StartAt"] = "Choose"
    failing["ItemProcessor"]["States"] = {
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.Items[0]", "NumericEquals": 2, "Next": "Bad"}],
            "Default": "Good",
        },
        "Good": {"Type": "Succeed"},
        "Bad": {"Type": "Fail", "Error": "Bad"},
    }
    given = lines(emulator, items)
    tolerated = emulator.execute(emulator.state_machine({"Map": failing}), given)
    assert (tolerated["status"], json.loads(tolerated["output"])) == ("SUCCEEDED", given)
    failing["ToleratedFailurePercentage"] = 24
    refused = emulator.execute(emulator.state_machine({"Map": failing}), given)
    assert (refused["status"], refused["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


def test_a_running_execution_is_attached_to_by_name(emulator: Emulator) -> None:
    client, name = emulator.client("stepfunctions"), unique("load")
    machine = emulator.state_machine({"Wait": {"Type": "Wait", "Seconds": 30, "End": True}})
    request = {"stateMachineArn": machine, "name": name, "input": '{"a": 1}'}
    first, second = client.start_execution(**request), client.start_execution(**request)
    assert (first["executionArn"], first["startDate"]) == (second["executionArn"], second["startDate"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        client.start_execution(**{**request, "input": '{"a": 2}'})
    client.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        client.start_execution(**request)


def test_a_stopped_execution_stays_stopped_and_its_map_begins_nothing_more(emulator: Emulator) -> None:
    client, bucket, go = emulator.client("stepfunctions"), emulator.bucket(), emulator.bucket()
    function = emulator.function(WRITE_AND_WAIT)
    batcher = {"MaxItemsPerBatch": 1, "BatchInput": {"bucket": bucket, "go": go}}
    children = batched_map(emulator, batcher, MaxConcurrency=1)
    children["ItemProcessor"]["StartAt"] = "Write"
    children["ItemProcessor"]["States"] = {"Write": {"Type": "Task", "Resource": function, "End": True}}
    machine = emulator.state_machine({"Map": children})
    given = json.dumps(lines(emulator, ["first", "second", "third"]))
    arn = client.start_execution(stateMachineArn=machine, input=given)["executionArn"]
    until(lambda: emulator.keys(bucket), "the first child's call")
    client.stop_execution(executionArn=arn)
    emulator.client("s3").put_object(Bucket=go, Key="go", Body=b"")
    (run,) = client.list_map_runs(executionArn=arn)["mapRuns"]
    until(lambda: client.describe_map_run(mapRunArn=run["mapRunArn"])["status"] != "RUNNING", "the map to end")
    assert client.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert emulator.keys(bucket) == ["first"]


WRITE_AND_WAIT = """
import time
import botocore.session

def handler(event, context):
    client = botocore.session.Session().create_client("s3")
    client.put_object(Bucket=event["BatchInput"]["bucket"], Key=event["Items"][0], Body=b"")
    while not client.list_objects_v2(Bucket=event["BatchInput"]["go"])["KeyCount"]:
        time.sleep(0.05)
"""

FLAKY = """
import os, pathlib

class Throttled(Exception):
    pass

def handler(event, context):
    if event.get("die"):
        os.kill(os.getpid(), 9)
    attempts = pathlib.Path(event["file"])
    attempts.write_text(attempts.read_text() + "x" if attempts.exists() else "x")
    if len(attempts.read_text()) <= event["failures"]:
        raise Throttled("later: please\\nand again")
    return {"attempts": len(attempts.read_text()), "name": event["name"], "noise": True}
"""


def flaky_task(function: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {
            "FunctionName": function,
            "Payload": {
                "file.$": "$.file",
                "failures.$": "$.failures",
                "name.$": "$$.Execution.Name",
                "id.$": "$$.Execution.Id",
            },
        },
        "ResultSelector": {"attempts.$": "$.Payload.attempts", "name.$": "$.Payload.name"},
        "ResultPath": "$.result",
        **more,
    }


def test_a_task_is_retried_by_its_error_s_name_and_caught_when_retries_end(emulator: Emulator) -> None:
    function = emulator.function(FLAKY)
    inbox, sns = emulator.queue(), emulator.client("sns")
    topic = sns.create_topic(Name=unique("failures"))["TopicArn"]
    arn = emulator.client("sqs").get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
    retry = {
        "ErrorEquals": ["Throttled"],
        "IntervalSeconds": 5,
        "MaxAttempts": 3,
        "BackoffRate": 10,
        "MaxDelaySeconds": 1,
        "JitterStrategy": "FULL",
    }
    machine = emulator.state_machine(
        {
            "Try": flaky_task(
                function,
                Retry=[retry],
                Catch=[{"ErrorEquals": ["Throttled"], "ResultPath": "$.error", "Next": "Tell"}],
                TimeoutSeconds=20,
                End=True,
            ),
            "Tell": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sns:publish",
                "Parameters": {"TopicArn": topic, "Message.$": "$.error.Cause"},
                "ResultPath": None,
                "Next": "Failed",
            },
            "Failed": {"Type": "Fail", "Error": "LoadFailed", "CausePath": "$.error.Error"},
        }
    )
    good = emulator.execute(machine, {"file": str(emulator.data / unique("a")), "failures": 2})
    assert json.loads(good["output"])["result"] == {"attempts": 3, "name": good["name"]}
    bad = emulator.execute(machine, {"file": str(emulator.data / unique("b")), "failures": 9})
    assert (bad["status"], bad["error"], bad["cause"]) == ("FAILED", "LoadFailed", "Throttled")
    (told,) = until(lambda: emulator.messages(inbox), "the notification")
    cause = json.loads(json.loads(told)["Message"])
    assert (cause["errorType"], cause["errorMessage"]) == ("Throttled", "later: please\nand again")


def test_a_function_that_dies_and_one_that_takes_too_long_fail_by_name(emulator: Emulator) -> None:
    dying = emulator.state_machine({"Die": {"Type": "Task", "Resource": emulator.function(FLAKY), "End": True}})
    assert emulator.execute(dying, {"die": True})["error"] == "Runtime.ExitError"
    slow = emulator.function("import time\ndef handler(event, context):\n    time.sleep(5)")
    state = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": slow, "Payload.$": "$"}}
    waiting = emulator.state_machine({"Wait": {**state, "TimeoutSeconds": 1, "End": True}})
    assert emulator.execute(waiting, {})["error"] == "States.Timeout"
