"""SQS metrics and deletes; alarms on a clock, of their own dimensions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from emulated import Emulator, unique, until


def test_an_alarm_on_queue_depth_notifies_without_custom_metrics(emulator: Emulator) -> None:
    sns, cloudwatch = emulator.client("sns"), emulator.client("cloudwatch")
    watched, other, inbox = emulator.queue(), emulator.queue(), emulator.queue()
    topic = sns.create_topic(Name=unique("alarms"))["TopicArn"]
    arn = emulator.client("sqs").get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
    names = {queue: unique("alarm") for queue in (watched, other)}
    for queue, name in names.items():
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": queue.rsplit("/", 1)[1]}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[topic],
        )
    emulator.client("sqs").send_message(QueueUrl=watched, MessageBody="x")
    (notified,) = until(lambda: emulator.messages(inbox), "the notification")
    alarm = json.loads(json.loads(notified)["Message"])
    assert alarm["AlarmName"] == names[watched]
    assert alarm["NewStateValue"] == "ALARM"

    def state(queue: str) -> str:
        (described,) = cloudwatch.describe_alarms(AlarmNames=[names[queue]])["MetricAlarms"]
        return str(described["StateValue"])

    assert state(watched) == "ALARM"
    until(lambda: state(other) != "INSUFFICIENT_DATA", "the other's state")
    assert state(other) == "OK"


def test_depth_and_age_are_sampled(emulator: Emulator) -> None:
    queue, client = emulator.queue(), emulator.client("sqs")
    name = queue.rsplit("/", 1)[1]
    for body in ("a", "b", "c"):
        client.send_message(QueueUrl=queue, MessageBody=body)
    client.receive_message(QueueUrl=queue)

    def sampled(metric: str) -> float:
        return emulator.metric("AWS/SQS", metric, "Maximum", QueueName=name)

    until(lambda: sampled("ApproximateNumberOfMessagesNotVisible") == 1, "a sample")
    assert sampled("ApproximateNumberOfMessagesVisible") in (2, 3)
    assert sampled("ApproximateAgeOfOldestMessage") > 0


def test_a_message_may_be_deleted_again(emulator: Emulator) -> None:
    queue, client = emulator.queue(), emulator.client("sqs")
    client.send_message(QueueUrl=queue, MessageBody="x")
    handle = client.receive_message(QueueUrl=queue)["Messages"][0]["ReceiptHandle"]
    for _ in range(2):
        client.delete_message(QueueUrl=queue, ReceiptHandle=handle)
    again = client.delete_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "ReceiptHandle": handle}])
    assert [entry["Id"] for entry in again["Successful"]] == ["1"]
    with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
        client.delete_message(QueueUrl=queue, ReceiptHandle="nonsense")


def test_a_message_that_fails_too_often_goes_to_the_dead_letter_queue(emulator: Emulator) -> None:
    client, dead = emulator.client("sqs"), emulator.queue()
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    queue = emulator.queue(RedrivePolicy=policy, VisibilityTimeout="0")
    client.send_message(QueueUrl=queue, MessageBody="poison")
    for _ in range(3):
        client.receive_message(QueueUrl=queue)
    assert emulator.messages(dead) == ["poison"]


def test_metrics_are_kept_as_long_as_cloudwatch_keeps_them(tmp_path: Path) -> None:
    emulator, now = Emulator(tmp_path / "data"), datetime.now(UTC)
    emulator.start()
    try:
        for days in (400, 500):
            datum = {"MetricName": "Count", "Value": days, "Timestamp": now - timedelta(days=days)}
            emulator.client("cloudwatch").put_metric_data(Namespace="Old", MetricData=[datum])
        emulator.stop()
        emulator.start()  # what is too old is forgotten at the first question
        stat = {"Metric": {"Namespace": "Old", "MetricName": "Count"}, "Period": 86400, "Stat": "Sum"}
        answer = emulator.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "count", "MetricStat": stat}], StartTime=now - timedelta(days=600), EndTime=now
        )
        assert answer["MetricDataResults"][0]["Values"] == [400.0]
    finally:
        emulator.stop()
