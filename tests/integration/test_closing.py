"""Closing a day: again, at once, through Lambda and Airflow, and who is told of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from closed_days import BEFORE, DAY, TODAY, Ground, checks_of, contract, noon, replace_connection, rollup_of
from command import run_command
from emulated import Emulator, until
from etl import Execution, at_once, call, envelope, put_raw, reading
from telemetry.closing.report import describe, missing
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry.interval import Interval, Lane
from telemetry.local.provision.alarms import provision_alarms
from telemetry.local.provision.deployment import LocalDeployment
from telemetry.local.provision.functions import emulator_python, provision_functions
from telemetry.local.provision.lake import provision_buckets
from telemetry.local.provision.queues import provision_queues, provision_topic
from telemetry.local.services.postgres import Login
from telemetry.packaging.layer import Target, layer_zip
from telemetry.warehouse.connection import Connection
from telemetry.warehouse.reconciliations import list_reconciliations
from telemetry_airflow.operators.close_day import CloseDayOperator


@pytest.mark.parametrize("devices", [0, 50])
def test_a_day_closed_repeatedly_and_concurrently_is_recorded_once(
    ground: Ground, database: Login, devices: int
) -> None:
    ground.readings(*((f"d{n}", noon(DAY), 1.0, n, "x", True) for n in range(devices)))
    ground.close()
    before = rollup_of(ground), checks_of(ground)

    def close(_: int) -> None:
        connection = database.connect()
        try:
            for _ in range(3):
                other = replace_connection(ground, connection)
                other.close()
        finally:
            connection.close()

    assert at_once(4, close) == []
    assert (rollup_of(ground), checks_of(ground)) == before
    recorded = list_reconciliations(ground.connection, stream=ground.stream.stream)
    assert sorted(one.lane for one in recorded) == ["lake", "queue"]


def test_the_functions_result_is_described_in_words(warehouse: Connection, aws: Emulator) -> None:
    provision_queues(LocalDeployment(aws.url, load_settings(), {"telemetry": contract("telemetry")}))
    put_raw([envelope(reading(temperature=999.0), received_at=noon(DAY)).encode()], hour=noon(DAY))
    Execution("telemetry", kind="daily", interval=Interval.day(DAY)).run()
    closed = call("data_quality", {"stream": "telemetry", "day": DAY.isoformat()})
    text = describe({**closed, "silent": ["\x1b[2J"]})
    assert text.isprintable() is False
    assert all(line.isprintable() for line in text.splitlines())
    assert "out_of_range_rate" in text
    assert "FAILED" in text
    assert missing(closed) == [], "it is more than was published, and nothing is lost"
    lost = {**closed["reconciliations"][0], "published": 2, "unaccounted": 1, "surplus": 0}
    lake, advice = missing({**closed, "reconciliations": [lost]})
    assert lake == f"telemetry, {DAY}, lake lane: 1 unaccounted (2 published, 1 in the ledger, 0 in flight)."
    assert advice.startswith("Look for them in the raw bucket under rule-errors/telemetry/")


def notified(ground: Ground, inbox: str) -> list[str]:
    """The names of the alarms that have notified since the last look, once there is any."""
    messages = until(lambda: ground.emulator.messages(inbox), "a notification")
    return [json.loads(json.loads(message)["Message"])["AlarmName"] for message in messages]


def test_an_unaccounted_message_reaches_the_topic_of_the_alarms(ground: Ground) -> None:
    local, sns = ground.local, ground.local.client("sns")
    provision_topic(local)
    inbox = ground.emulator.queue()
    sns.subscribe(
        TopicArn=local.arn("sns", ground.settings.names.alarm_topic),
        Protocol="sqs",
        Endpoint=local.arn("sqs", inbox.rsplit("/", 1)[1]),
    )
    provision_alarms(local)
    names = f"{ground.settings.names.prefix}-{ground.stream.stream}"
    assert notified(ground, inbox) == [f"{names}-days-not-closed"], "while nothing is closed, Airflow may be dead"
    ground.close()
    alarms = local.client("cloudwatch").describe_alarms
    until(
        lambda: alarms(AlarmNames=[f"{names}-days-not-closed"])["MetricAlarms"][0]["StateValue"] == "OK",
        "a closed day to be noticed",
    )
    ground.count("TopicMatch", 1, noon(DAY))
    ground.load(Lane.lake, ground.key(Lane.lake, noon(DAY)), {DAY: 1})
    assert ground.lanes() == {Lane.lake: (1, 1, 0, 0), Lane.queue: (1, 0, 0, 1)}
    (message,) = until(lambda: ground.emulator.messages(inbox), "the notification")
    alarm = json.loads(json.loads(message)["Message"])
    assert alarm["AlarmName"] == f"{ground.settings.names.prefix}-{ground.stream.stream}-queue-unaccounted-messages"
    assert alarm["NewStateValue"] == "ALARM"
    assert "telemetry reconciliations" in alarm["AlarmDescription"]


def test_a_changed_alarm_is_changed_and_the_others_are_left_alone(ground: Ground) -> None:
    provision_alarms(ground.local)
    streams = 1
    assert len(ground.local.changes) >= streams * 5
    age = ground.settings.alarms["queue_age"].model_copy(update={"threshold": 60})
    changed = ground.settings.model_copy(update={"alarms": {**ground.settings.alarms, "queue_age": age}})
    local = replace(ground.local, settings=changed, changes=[])
    provision_alarms(local)
    prefix = ground.settings.names.prefix
    assert local.changes == [f"alarm {prefix}-{ground.stream.stream}-queue-age: changed"]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    ended = run_command(capsys, *arguments)
    assert ended.code == 0, ended
    return json.loads(ended.out) if "--json" in arguments else ended.out


def test_the_command_line_lists_the_results(
    warehouse: Connection, aws: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    ground = Ground(warehouse, aws, stream=contract("telemetry", temperature="double!", note="string"))
    ground.count("TopicMatch", 3, noon(DAY))
    for day in (BEFORE, DAY):
        ground.close(day)
    chosen = ("--day", DAY.isoformat())
    checks = printed(capsys, "quality", "--stream", "telemetry", *chosen, "--json")
    assert {check["day"] for check in checks} == {DAY.isoformat()}
    assert [(check["check_name"], check["subject"]) for check in checks][:2] == [
        ("null_rate", "note"),
        ("out_of_range_rate", ""),
    ]
    newest, *_ = found = printed(capsys, "reconciliations", "--json")
    assert (newest["lane"], newest["published"], newest["unaccounted"]) == ("lake", 3, 3)
    assert len(found) == 4
    assert "silent_devices" in printed(capsys, "quality")
    assert "unaccounted" in printed(capsys, "reconciliations", "--stream", "telemetry")
    assert printed(capsys, "quality", "--stream", "environment", "--json") == []


@pytest.fixture
def deployed(warehouse: Connection, aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> LocalDeployment:
    """The functions in the emulator, over the warehouse; the buckets are those of one machine."""
    local = LocalDeployment(aws.url, load_settings(), load_streams())
    python = emulator_python()
    provision_buckets(local)
    provision_queues(local)
    provision_functions(local, layer_zip(Target(python)), python)
    monkeypatch.setenv("TELEMETRY_RAW_BUCKET", local.deployment.raw_bucket)
    return local


def close_by_airflow(day: date, stream: str = "telemetry") -> None:
    run = SimpleNamespace(data_interval_start=None, data_interval_end=None, run_after=datetime.now(UTC))
    context: Any = {"dag_run": run, "params": {"partition": day.isoformat()}}
    CloseDayOperator(task_id="close_day", stream=stream).execute(context)


def test_the_airflow_task_shows_the_results_and_fails_if_a_message_is_lost(
    deployed: LocalDeployment, capsys: pytest.CaptureFixture[str]
) -> None:
    day = DAY - timedelta(days=1)
    rule = [{"Name": "RuleName", "Value": deployed.settings.names.topic_rule("telemetry")}]
    published = {"MetricName": "TopicMatch", "Dimensions": rule, "Timestamp": noon(day), "Value": 2}
    deployed.client("cloudwatch").put_metric_data(Namespace="AWS/IoT", MetricData=[published])
    with pytest.raises(AirflowFailException, match=r"lake lane: 2 unaccounted .* under rule-errors/telemetry/"):
        close_by_airflow(day)
    assert "silent_devices" in capsys.readouterr().out
    close_by_airflow(day - timedelta(days=1))


def test_the_airflow_task_does_not_close_an_unfinished_day() -> None:
    with pytest.raises(AirflowSkipException, match="is not over"):
        close_by_airflow(TODAY)


def test_the_airflow_task_is_retried_when_the_function_fails(deployed: LocalDeployment) -> None:
    with pytest.raises(AirflowException, match="DataQualityFunction: There is no stream 'nothing'") as failure:
        close_by_airflow(DAY, "nothing")
    assert not isinstance(failure.value, AirflowFailException)
