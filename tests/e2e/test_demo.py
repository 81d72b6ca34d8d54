"""The demo: both lanes, late and broken messages, two days of the past, and nothing lost."""

from __future__ import annotations

from stack import PROJECT, Stack

COUNTS = {"published", "loaded", "duplicate", "quarantined", "filtered", "in_flight", "unaccounted"}


def test_the_demo_accounts_for_every_message_in_both_lanes(stack: Stack) -> None:
    data = PROJECT.parent / "shared" / "data" / "environment-messages.json"
    shown = stack.run("demo", timeout=400, TELEMETRY_DEMO_DATA=str(data))
    assert "unaccounted" in shown.stdout
    assert stack.environment["TELEMETRY_AIRFLOW_URL"] in shown.stdout

    streams = stack.json("status")["streams"]
    assert {"telemetry", "environment"} <= streams.keys()
    for stream in streams.values():
        assert {"readings", "freshness_seconds", "partitions", "lanes"} <= stream.keys()
        loaded = 0
        for lane in stream["lanes"].values():
            assert lane.keys() >= COUNTS
            assert lane["published"] == lane["loaded"] + lane["duplicate"] + lane["quarantined"]
            assert (lane["in_flight"], lane["unaccounted"]) == (0, 0)
            loaded += lane["loaded"]
        assert stream["readings"] == loaded
    telemetry = streams["telemetry"]["lanes"]
    assert telemetry["queue"]["quarantined"] > 0
    assert telemetry["lake"]["published"] > telemetry["queue"]["published"], "the past days are in the lake alone"


def test_every_load_is_recorded(stack: Stack) -> None:
    loads = stack.json("loads")
    assert {load["kind"] for load in loads} == {"hourly", "daily", "queue"}
    assert all(load["rows_read"] == load["loaded"] + load["duplicate"] + load["quarantined"] for load in loads)
    assert all(load["dag_id"] == f"{load['stream']}_{load['kind']}" for load in loads)


def test_the_quarantine_shows_what_could_not_become_a_reading(stack: Stack) -> None:
    rows = stack.json("quarantine", "list", "--stream", "telemetry")
    assert rows
    shown = stack.json("quarantine", "show", str(rows[0]["quarantine_id"]))
    assert {"reason", "detail", "raw", "bucket", "key", "line"} <= shown.keys()
