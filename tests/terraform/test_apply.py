"""The whole system as Terraform applied it: messages become rows, a second plan is quiet, nothing is left behind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emulated import until
from etl import rows
from telemetry.aws.executions import input_of
from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.devices.mqtt import publish
from telemetry.interval import Interval
from telemetry.warehouse.connection import Connection
from terraform.applied import AT_ONCE, GATEWAY, Applied
from terraform.inventory import inventory

MESSAGES = 20
LONGEST_SECONDS = 60
STREAMS = load_streams()

# What the emulator says otherwise when it is asked again, by attribute; facts of the emulator, not of what is applied.
READ_BACK = {
    # The answer to the protocol that the provider speaks holds little of an alarm.
    "aws_cloudwatch_metric_alarm": {
        "actions_enabled",
        "alarm_actions",
        "alarm_description",
        "dimensions",
        "period",
        "statistic",
        "treat_missing_data",
    },
    # Only its custom_time_zone.
    "aws_kinesis_firehose_delivery_stream": {"extended_s3_configuration"},
}


def messages(stream: Stream) -> Iterator[tuple[str, bytes]]:
    """Readings of the last seconds, as that stream's devices send them."""
    now = datetime.now(UTC)
    for number in range(MESSAGES):
        moment, device = now - timedelta(seconds=number), f"device-{number % 3}"
        climate = {"temperature": 20.5, "humidity": 40 + number}
        payloads = {
            "telemetry": {"device_id": device, "timestamp": moment.isoformat(), **climate},
            "environment": {
                "device_id": device,
                "ts": moment.timestamp(),
                "data": {"temp": climate["temperature"], "humidity": climate["humidity"]},
            },
        }
        yield stream.topic_of(device), json.dumps(payloads[stream.stream]).encode()


def load(applied: Applied, stream: str, kind: str) -> None:
    """Run the state machine as Airflow would, to its end."""
    machines = applied.emulator.client("stepfunctions")
    started = machines.start_execution(
        stateMachineArn=applied.output("state_machine_arn"),
        name=f"{stream}-{kind}-{uuid.uuid4().hex[:8]}",
        input=json.dumps(input_of(stream, kind, Interval.hour(datetime.now(UTC)))),
    )

    def ended() -> Any:
        found = machines.describe_execution(executionArn=started["executionArn"])
        return found if found["status"] != "RUNNING" else None

    execution = until(ended, "the execution to end", LONGEST_SECONDS)
    assert execution["status"] == "SUCCEEDED", execution


def test_messages_become_rows_by_both_lanes(applied: Applied, warehouse: Connection, tmp_path: Path) -> None:
    """By MQTT with the gateway's certificate, whose key Terraform has never seen."""
    certificate = applied.output("certificates")[GATEWAY]
    broker = applied.gateway.connect(applied.emulator, certificate, tmp_path)
    sent = [message for stream in STREAMS.values() for message in messages(stream)]
    assert publish(broker, sent) == MESSAGES * len(STREAMS)

    for stream in STREAMS:
        until(partial(applied.emulator.keys, applied.output("raw_bucket"), f"raw-data/{stream}/"), "Firehose's object")
        load(applied, stream, "hourly")
        load(applied, stream, "queue")
        lanes = rows(
            warehouse,
            """SELECT lane, sum(messages)::int, sum(loaded)::int, sum(duplicate)::int, sum(quarantined)::int
            FROM load_objects WHERE stream = %s GROUP BY lane ORDER BY lane""",
            stream,
        )
        assert lanes == [("lake", MESSAGES, MESSAGES, 0, 0), ("queue", MESSAGES, 0, MESSAGES, 0)]
        assert rows(warehouse, f"SELECT count(*)::int FROM {STREAMS[stream].table}") == [(MESSAGES,)]


def test_the_simulator_publishes(applied: Applied) -> None:
    name = applied.output("function_names")["device_simulator"]
    assert applied.emulator.invoke(name, {}) == {"published": 5}


def test_the_environment_is_that_of_the_command_line(applied: Applied) -> None:
    """``telemetry`` and MWAA's startup script get the same; no secret is among them."""
    environment = applied.deployment_environment()
    parameter = applied.emulator.client("ssm").get_parameter(Name="/iot/telemetry/environment")["Parameter"]["Value"]
    assert json.loads(parameter).items() <= environment.items()
    assert all(name.startswith("TELEMETRY_") for name in json.loads(parameter))
    assert "password" not in json.dumps(environment).lower()


def test_no_secret_is_in_the_state(applied: Applied, database: Any) -> None:
    text = json.dumps(applied.state)
    assert database.password not in text
    assert "PRIVATE KEY" not in text


def test_a_second_plan_changes_nothing(applied: Applied) -> None:
    """But for what the emulator reads back otherwise; also after `telemetry deploy` has replaced a DAG."""
    bucket = applied.output("airflow_bucket")
    applied.emulator.client("s3").put_object(Bucket=bucket, Key="dags/maintenance.py", Body=b"# a later one")
    applied.terraform.must("plan", "-out=again", AT_ONCE)
    plan = applied.terraform.show("again")
    assert all(one["actions"] == ["no-op"] for one in plan["output_changes"].values())
    changed = [one for one in plan["resource_changes"] if one["change"]["actions"] != ["no-op"]]
    found: dict[str, set[str]] = {}
    for one in changed:
        assert one["change"]["actions"] == ["update"], one["address"]
        found.setdefault(one["type"], set()).update(different(one["change"]))
    assert found == READ_BACK
    zones = [one["change"] for one in changed if one["type"] == "aws_kinesis_firehose_delivery_stream"]
    for change in zones:
        before, after = (change[side]["extended_s3_configuration"][0] for side in ("before", "after"))
        assert {name for name in after if before[name] != after[name]} == {"custom_time_zone"}
        assert (before["custom_time_zone"], after["custom_time_zone"]) == ("", "UTC")


def different(change: dict[str, Any]) -> set[str]:
    """The attributes that a change sets anew, or will only know afterwards."""
    before, after, unknown = change["before"], change["after"], change["after_unknown"]
    known = {name for name in after if before.get(name) != after[name]}
    return known | {name for name, value in unknown.items() if value is True}


def test_destroying_leaves_nothing(applied: Applied) -> None:
    applied.terraform.must("destroy", "-auto-approve", "-refresh=false", AT_ONCE)
    assert "values" not in applied.terraform.show()
    assert inventory(applied.emulator.client) - applied.before == set()


@pytest.fixture(autouse=True, scope="module")
def _timed(applied: Applied, record_testsuite_property: Any) -> None:
    record_testsuite_property("terraform apply, seconds", round(applied.seconds))
