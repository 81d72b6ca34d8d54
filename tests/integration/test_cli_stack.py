"""The command line on the whole stack: every message is somewhere, at every step, and everything ends loaded."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

from stack import Stack
from telemetry.airflow_rest.schedule import last_due_day
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import find_stream
from telemetry.waiting import wait_until

COUNTS = {"published", "loaded", "duplicate", "quarantined", "filtered", "in_flight", "unaccounted", "surplus"}
STREAM = "telemetry"
READING: dict[str, object] = {"device_id": "roof-1", "temperature": 21.5, "humidity": 40}


def lanes(stack: Stack) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = stack.json("status")["streams"][STREAM]["lanes"]
    return found


def aws(stack: Stack, service: str) -> Any:
    """A client of the stack's emulator."""
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=stack.environment["AWS_ENDPOINT_URL"],
        region_name=stack.environment["AWS_REGION"],
        aws_access_key_id=stack.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=stack.environment["AWS_SECRET_ACCESS_KEY"],
    )


def grown(before: dict[str, dict[str, int]], after: dict[str, dict[str, int]], lane: str) -> dict[str, int]:
    """What a lane's counts have grown by; of what is in flight and unaccounted, all of it."""
    settled = ("published", "loaded", "duplicate", "quarantined")
    growth = {name: after[lane][name] - before[lane][name] for name in settled}
    return {**growth, "in_flight": after[lane]["in_flight"], "unaccounted": after[lane]["unaccounted"]}


def settled(stack: Stack, lane: str) -> dict[str, dict[str, int]]:
    """The lanes when nothing of that one is in flight: a scheduled run may have been the first to take its messages."""

    def nothing_in_flight() -> dict[str, dict[str, int]] | None:
        found = lanes(stack)
        return found if found[lane]["in_flight"] == found[lane]["unaccounted"] == 0 else None

    return wait_until(nothing_in_flight, what=f"nothing in flight in the {lane} lane", timeout=120)


def test_status_has_services_and_streams(stack: Stack) -> None:
    status = stack.json("status")
    assert set(status["services"]) >= {"emulator", "postgres", "airflow-scheduler", "airflow-api-server"}
    assert set(status["services"].values()) == {"healthy"}
    for stream in status["streams"].values():
        assert stream.keys() == {"readings", "freshness_seconds", "partitions", "queue_depth", "dlq_depth", "lanes"}
        assert stream["lanes"].keys() == {"lake", "queue"}
        assert all(lane.keys() == COUNTS for lane in stream["lanes"].values())
    text = stack.run("status").stdout
    assert "healthy" in text
    assert "unaccounted" in text


def test_a_message_is_in_flight_until_the_ledger_has_it(stack: Stack) -> None:
    before = lanes(stack)
    said = stack.run(
        "simulate", "--messages", "500", "--duplicate", "10%", "--malformed", "0.1", "--late", "0.1", "--seed", "7"
    )
    assert "Published 500 messages of telemetry" in said.stdout
    for lane in ("lake", "queue"):
        counts = grown(before, lanes(stack), lane)
        assert counts["published"] == 500
        assert counts["unaccounted"] == 0

    stack.run("run", STREAM, "--queue")
    queue = grown(before, settled(stack, "queue"), "queue")
    assert queue["loaded"] + queue["duplicate"] + queue["quarantined"] == 500 + before["queue"]["in_flight"]
    assert queue["loaded"] > 350
    assert queue["duplicate"] > 10
    assert queue["quarantined"] > 10

    stack.run("run", STREAM, "--hour", "now")
    lake = grown(before, settled(stack, "lake"), "lake")
    assert lake["loaded"] + lake["duplicate"] + lake["quarantined"] == 500 + before["lake"]["in_flight"]
    assert lake["duplicate"] >= queue["loaded"]


def test_quarantine_show_prints_the_bytes(stack: Stack) -> None:
    stack.run("simulate", "--messages", "10", "--malformed", "1", "--seed", "8")
    stack.run("run", STREAM, "--queue")
    rows = stack.json("quarantine", "list", "--stream", STREAM, "--limit", "10")
    assert len(rows) == 10
    shown = stack.json("quarantine", "show", str(rows[0]["quarantine_id"]))
    assert {name: shown[name] for name in rows[0]} == rows[0]
    assert len(shown["raw"].encode()) == shown["raw_bytes"]
    assert shown["raw"] in stack.run("quarantine", "show", str(rows[0]["quarantine_id"])).stdout
    reason = rows[0]["reason"]
    assert all(row["reason"] == reason for row in stack.json("quarantine", "list", "--reason", reason))
    assert "no quarantined row 999999999" in stack.run("quarantine", "show", "999999999", check=False).stderr


def test_readings_from_three_kinds_of_file_are_stored_once(stack: Stack, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    readings = [READING | {"timestamp": (now - timedelta(seconds=n)).isoformat()} for n in range(20)]
    texts = {
        "a.json": json.dumps(readings, indent=2),
        "a.jsonl": "\n".join(json.dumps(reading) for reading in readings),
        "a.csv": "\n".join([",".join(readings[0]), *(",".join(str(value) for value in r.values()) for r in readings)]),
    }
    before = lanes(stack)["queue"]
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        assert "20 messages" in stack.run("replay", str(tmp_path / name), "--stream", STREAM).stdout
    stack.run("run", STREAM, "--queue")
    after = lanes(stack)["queue"]
    growth = [after[name] - before[name] for name in ("published", "loaded", "duplicate", "quarantined")]
    assert growth == [60, 20, 40, 0]


def test_past_days_are_seeded_once_and_backfilled(stack: Stack) -> None:
    before = lanes(stack)
    # Airflow has run it by its schedule, with nothing to load.
    yesterday = last_due_day(find_stream("telemetry"), datetime.now(UTC)).isoformat()
    seed = ("simulate", "--days", "1", "--messages", "240", "--seed", "9", "--late", "0.1", "--malformed", "0.05")
    assert "Wrote 240 records of telemetry as 24 objects" in stack.run(*seed).stdout
    seeded = lanes(stack)
    assert "240 were already there" in stack.run(*seed).stdout
    assert lanes(stack)["lake"]["published"] == seeded["lake"]["published"]
    assert grown(before, seeded, "lake")["published"] == 240
    assert grown(before, seeded, "queue")["published"] == 0
    assert seeded["lake"]["in_flight"] >= 240

    loads = stack.json("backfill", STREAM, "--from", yesterday, "--to", yesterday)
    assert [(load["status"], load["rows_read"], load["objects"]) for load in loads] == [("succeeded", 240, 24)]
    assert lanes(stack)["lake"]["in_flight"] <= before["lake"]["in_flight"]
    again = stack.json("backfill", STREAM, "--from", yesterday, "--to", yesterday)
    assert [load["status"] for load in again] == ["empty"]


def test_loads_are_listed_the_newest_first(stack: Stack) -> None:
    loads = stack.json("loads", "--stream", STREAM, "--limit", "5")
    numbers = [load["load_id"] for load in loads]
    assert numbers == sorted(numbers, reverse=True)
    assert {load["stream"] for load in loads} == {STREAM}
    assert loads[0].keys() >= {"dag_id", "run_id", "kind", "interval_start", "execution_arn", "status", "error"}
    assert "interval start" in stack.run("loads").stdout


def test_the_environment_is_printed_for_a_shell(stack: Stack) -> None:
    printed = stack.run("env").stdout.splitlines()
    assert all(line.startswith("export ") for line in printed)
    assert stack.json("env") == stack.environment
    assert stack.environment.keys() >= {"AWS_ENDPOINT_URL", "AWS_REGION", "PGHOST", "TELEMETRY_AIRFLOW_URL"}
    assert stack.environment.keys() >= {
        f"TELEMETRY_MQTT_{name}" for name in ("HOST", "PORT", "CA", "CERTIFICATE", "KEY")
    }


def test_logs_doctor_and_migrate(stack: Stack) -> None:
    assert len(stack.run("logs", "emulator", "--lines", "3").stdout.splitlines()) == 3
    assert "already matches the contracts" in stack.run("migrate").stdout
    findings = stack.json("doctor")
    assert not [finding for finding in findings if finding["level"] == "bad"]


def test_a_missing_broker_and_an_inactive_certificate_are_errors(stack: Stack, tmp_path: Path) -> None:
    done = stack.run("simulate", check=False, TELEMETRY_MQTT_PORT="1")
    assert done.returncode == 1
    assert "MQTT broker at 127.0.0.1:1 cannot be reached" in done.stderr

    key, certificate = tmp_path / "own.key", tmp_path / "own.pem"
    created = aws(stack, "iot").create_keys_and_certificate(setAsActive=False)
    key.write_text(created["keyPair"]["PrivateKey"])
    certificate.write_text(created["certificatePem"])
    own = {"TELEMETRY_MQTT_KEY": str(key), "TELEMETRY_MQTT_CERTIFICATE": str(certificate)}
    done = stack.run("simulate", "--messages", "1", check=False, timeout=60, **own)
    assert done.returncode == 1
    assert f"accepts no connection with {certificate}" in done.stderr


def test_the_simulator_function_publishes_down_both_lanes(stack: Stack) -> None:
    simulator = load_settings().simulator
    before = stack.json("status")["streams"][simulator.stream]["lanes"]
    answer = aws(stack, "lambda").invoke(
        FunctionName=load_settings().functions.device_simulator.name,
        Payload=json.dumps({"time": "2026-03-01T12:00:00Z"}),
    )
    assert json.loads(answer["Payload"].read()) == {"published": simulator.devices}

    def arrived() -> Any:
        after = stack.json("status")["streams"][simulator.stream]["lanes"]
        return [after[lane]["published"] - before[lane]["published"] for lane in after] == [simulator.devices] * 2

    wait_until(arrived, what="the function's messages in both lanes", timeout=60)


def test_after_all_loads_nothing_is_left_for_the_day(stack: Stack) -> None:
    stack.run("run", STREAM, "--queue")
    stack.run("run", STREAM, "--hour", "now")
    (load,) = stack.json("run", STREAM, "--day", datetime.now(UTC).date().isoformat())
    assert load["status"] in ("empty", "succeeded")  # at midnight the hour before is yesterday's
    for lane in ("lake", "queue"):
        settled(stack, lane)
