"""SIGKILL: whatever was acknowledged is there afterwards, once, as if it had been AWS."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

from emulated import Device, Emulator, until
from published import Lane, Publisher

KILLS = 5
RANDOM = random.Random()  # noqa: S311


def test_a_stream_of_messages_survives_kills_at_any_moment(own: Emulator) -> None:
    lane, device = Lane(own), own.device()
    sent = []
    with Publisher(own) as publisher:
        for number in range(KILLS):
            until(device.client.is_connected, "the device to connect again")
            sent += [device.client.publish("kept/mqtt", b"mqtt %d.%d" % (number, n), qos=1) for n in range(100)]
            publisher.publish_more(RANDOM.randint(20, 200))
            own.restart()
    for message in sent:
        message.wait_for_publish(20)
    device.close()
    numbers = {b"mqtt %d.%d" % (number, n) for number in range(KILLS) for n in range(100)}
    lane.check({b"http %d" % n for n in range(publisher.acknowledged)} | numbers)
    assert lane.published() >= publisher.acknowledged + len(numbers)


def test_the_start_of_a_start_may_be_killed_too(own: Emulator) -> None:
    lane, device = Lane(own), own.device()
    device.publish("kept/x", *[b"%d" % n for n in range(1000)])
    device.close()
    own.kill()
    for _ in range(KILLS):
        own.begin()
        wait_for_replay(own, journals(own))
        own.kill()
    own.start()
    lane.check({b"%d" % n for n in range(1000)})


def wait_for_replay(emulator: Emulator, before: list[str]) -> None:
    until(lambda: journals(emulator) != before, "the replay")


def journals(emulator: Emulator) -> list[str]:
    return sorted(path.name for path in (emulator.data / "journal").glob("*"))


def test_resources_are_there_as_soon_as_they_are_acknowledged(journaled: Emulator) -> None:
    lane, device = Lane(journaled), journaled.device()
    function = journaled.function("def handler(event, context):\n    return 2 * event")
    machine = journaled.state_machine({"Pass": {"Type": "Pass", "End": True}})
    journaled.client("secretsmanager").create_secret(Name="kept", SecretString="secret")
    journaled.client("cloudwatch").put_metric_data(Namespace="Own", MetricData=[{"MetricName": "m", "Value": 3}])
    topic, inbox = journaled.client("sns").create_topic(Name="kept")["TopicArn"], journaled.queue()
    arn = topic.replace(":sns:", ":sqs:").replace(":kept", f":{inbox.rsplit('/', 1)[1]}")
    journaled.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    journaled.client("sns").publish(TopicArn=topic, Message="one")
    device.publish("kept/x", b"1")
    device.close()
    journaled.restart()
    assert journaled.invoke(function, 21) == 42
    assert journaled.execute(machine, {})["status"] == "SUCCEEDED"
    assert journaled.client("secretsmanager").get_secret_value(SecretId="kept")["SecretString"] == "secret"
    assert journaled.metric("Own", "m") == 3
    journaled.client("sns").publish(TopicArn=topic, Message="two")
    assert [json.loads(body)["Message"] for body in journaled.messages(inbox)] == ["one", "two"]
    device.connect()
    device.publish("kept/x", b"2")
    device.close()
    lane.check({b"1", b"2"})


def test_a_journal_cut_anywhere_keeps_a_message_in_all_services_or_in_none(journaled: Emulator, tmp_path: Path) -> None:
    lane, device = Lane(journaled), journaled.device()
    device.publish("kept/x", *[b"%d" % n for n in range(40)])
    journaled.kill()
    device.close()
    whole = journaled.data.rename(tmp_path / "whole")
    (journal,) = (path.name for path in (whole / "journal").glob("*"))
    size = (whole / "journal" / journal).stat().st_size
    left = []
    for cut in sorted(RANDOM.randrange(size) for _ in range(5)):
        shutil.copytree(whole, journaled.data)
        os.truncate(journaled.data / "journal" / journal, cut)
        journaled.start()
        lane.check(set())
        left.append(lane.published())
        journaled.kill()
        shutil.rmtree(journaled.data)
    assert left == sorted(left)
    assert left[-1] > 0


def test_deletes_purges_and_redrives_survive_a_kill(own: Emulator) -> None:
    sqs = own.client("sqs")
    dead, purged = own.queue(), own.queue()
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    queue = own.queue(RedrivePolicy=policy, VisibilityTimeout="0")
    entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(9)]
    for url in (queue, purged):
        assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 9
    sqs.purge_queue(QueueUrl=purged)
    sqs.send_message(QueueUrl=purged, MessageBody="later")
    (first,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    (second,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    batch = [{"Id": "1", "ReceiptHandle": second["ReceiptHandle"]}]
    sqs.delete_message_batch(QueueUrl=queue, Entries=batch)
    own.restart()
    assert own.messages(purged) == ["later"]
    assert depth(own, queue) == 7

    def receive() -> bool:
        return not sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=3).get("Messages")

    receive()
    own.restart()
    until(receive, "all messages to be dead letters")
    assert (depth(own, queue), depth(own, dead)) == (0, 7)
    own.restart()
    assert depth(own, queue) == 0
    gone = {first["Body"], second["Body"]}
    assert sorted(own.messages(dead)) == sorted({entry["MessageBody"] for entry in entries} - gone)
    own.restart()
    assert own.messages(dead) == own.messages(queue) == own.messages(purged) == []


def depth(emulator: Emulator, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = emulator.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def test_an_alarm_does_not_notify_again_after_a_restart(journaled: Emulator) -> None:
    sns, inbox, watched = journaled.client("sns"), journaled.queue(), journaled.queue()
    name = watched.rsplit("/", 1)[1]
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    arn = topic.replace(":sns:", ":sqs:").replace(":alarms", f":{inbox.rsplit('/', 1)[1]}")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    metric = "ApproximateNumberOfMessagesVisible"
    journaled.client("cloudwatch").put_metric_alarm(
        AlarmName="deep",
        Namespace="AWS/SQS",
        MetricName=metric,
        Dimensions=[{"Name": "QueueName", "Value": name}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )
    journaled.client("sqs").send_message(QueueUrl=watched, MessageBody="x")
    until(lambda: depth(journaled, inbox), "the notification")
    saved = journaled.data / "state" / "cloudwatch.json"
    until(lambda: '"StateValue": "ALARM"' in saved.read_text(), "the alarm's state to be written")
    journaled.restart()

    def samples() -> float:
        return journaled.metric("AWS/SQS", metric, "SampleCount", QueueName=name)

    before = samples()
    until(lambda: samples() > before + 1, "two more evaluations")
    assert depth(journaled, inbox) == 1


def test_a_device_goes_on_with_its_certificate(own: Emulator) -> None:
    device: Device = own.device()
    device.close()
    own.restart()
    device.connect()
    device.publish("anything", b"x")
    device.close()
