"""The cost estimate: exact where AWS's metering is exact, and lawful everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import run_command
from telemetry.cost.arrays import most_in_a_step, options, rounding
from telemetry.cost.estimate import Estimator, successful_transitions
from telemetry.cost.fleet import MESSAGE_BYTES_MAX, STEP_BYTES, Fleet, envelope_bytes, steps, traffic
from telemetry.cost.rates import Rate, load_rates
from telemetry.cost.usage import CompositionName, load_usage
from telemetry.errors import TelemetryError
from telemetry.lake.envelopes import envelope_of
from telemetry.lake.ingest import SEPARATOR
from telemetry.paths import INCLUDE, STATE_MACHINE

ESTIMATORS = {name: Estimator(name) for name in get_args(CompositionName)}
TOPIC = ESTIMATORS["minimal"].topic
TERRAFORM = INCLUDE.parent / "terraform"

devices = st.integers(1, 10_000_000)
intervals = st.floats(0.1, 86_400)
payloads = st.integers(2, 20_000)
compositions = st.sampled_from(sorted(ESTIMATORS))


@pytest.mark.parametrize(
    ("size", "metered"), [(0, 1), (1, 1), (5120, 1), (5121, 2), (10_240, 2), (10_241, 3), (MESSAGE_BYTES_MAX, 26)]
)
def test_every_5_kb_begun_is_a_step(size: int, metered: int) -> None:
    assert steps(size) == metered


def test_firehose_bills_a_million_small_records_as_5_gb() -> None:
    month_hours = load_usage().month_hours
    fleet = Fleet(devices=1, interval_seconds=month_hours * 3600 / 1_000_000, payload_bytes=300)
    month = traffic(fleet, month_hours, TOPIC)
    assert month.messages == pytest.approx(1_000_000)
    rounded = rounding(ESTIMATORS["minimal"], fleet)
    assert rounded.billed_gb == pytest.approx(1_000_000 * 5120 / 2**30)
    assert rounded.usd == pytest.approx(1_000_000 * 5120 / 2**30 * 0.029)
    assert rounded.rounding_usd == pytest.approx((5120 - month.record_bytes) * 1_000_000 / 2**30 * 0.029)


def test_a_record_that_fits_5_kb_is_one_step_and_a_byte_more_is_two() -> None:
    fitting = (STEP_BYTES - envelope_bytes(0, TOPIC)) // 4 * 3
    assert steps(envelope_bytes(fitting, TOPIC)) == 1
    assert steps(envelope_bytes(fitting + 1, TOPIC)) == 2


@given(st.binary(max_size=500))
def test_an_envelope_is_as_long_as_one(payload: bytes) -> None:
    from base64 import b64encode

    document = {
        "message_id": "0b1e7b1c-6a53-4d6e-a34f-2d4e0c7a9f10",
        "topic": TOPIC,
        "received_at": 1_772_366_400_000,
        "payload": b64encode(payload).decode(),
    }
    assert envelope_of(document)
    assert envelope_bytes(len(payload), TOPIC) == len(orjson.dumps(document)) + len(SEPARATOR)


@given(st.integers(2, 400), st.integers(1, 300))
def test_a_message_is_as_long_as_its_json(payload: int, readings: int) -> None:
    reading = "a" * (payload - 2)
    document = [reading] * readings if readings > 1 else reading
    assert Fleet(1, 60, payload, readings).message_bytes == len(orjson.dumps(document))


@given(payloads)
def test_the_most_readings_of_a_step_fit_and_one_more_does_not(payload: int) -> None:
    most = most_in_a_step(Fleet(1, 60, payload), TOPIC)
    lengths = [Fleet(1, 60, payload, number).message_bytes for number in (most, most + 1)]
    assert most == 1 or steps(envelope_bytes(lengths[0], TOPIC)) == 1
    assert steps(envelope_bytes(lengths[1], TOPIC)) > 1


@given(devices, st.integers(1, 1_000_000), intervals, payloads, compositions)
def test_more_devices_never_cost_less(
    number: int, more: int, interval: float, payload: int, composition: CompositionName
) -> None:
    estimator = ESTIMATORS[composition]
    few, many = (estimator.estimate(Fleet(count, interval, payload)) for count in (number, number + more))
    assert all(a.usd <= b.usd * (1 + 1e-9) for a, b in zip(few.lines, many.lines, strict=True))
    assert few.total < many.total


@given(devices, intervals, payloads, st.integers(2, 400), compositions)
def test_an_array_never_costs_more_than_its_readings_one_by_one(
    number: int, interval: float, payload: int, readings: int, composition: CompositionName
) -> None:
    single = Fleet(number, interval, payload)
    readings = min(readings, single.most_readings(MESSAGE_BYTES_MAX))
    estimates = [ESTIMATORS[composition].estimate(single.with_readings(count)) for count in (readings, 1)]
    array, alone = (estimate.lines for estimate in estimates)
    assert all(a.usd <= b.usd * (1 + 1e-9) for a, b in zip(array, alone, strict=True))


LINEAR = [
    ("IoT Core", "connections"),
    ("IoT Core", "messages"),
    ("IoT Core", "topic rule"),
    ("IoT Core", "actions, to Firehose and to SQS"),
    ("Firehose", "records, in steps of 5 KB"),
    ("S3", "storage"),
    ("SQS", "sent by the topic rule"),
]


@given(st.integers(1, 5_000), st.integers(2, 10), payloads)
def test_costs_by_the_message_grow_with_the_devices(number: int, times: int, payload: int) -> None:
    """Within a price's first tier."""
    one, many = (ESTIMATORS["minimal"].estimate(Fleet(count, 600, payload)) for count in (number, number * times))
    for a, b in zip(one.lines, many.lines, strict=True):
        if (a.service, a.item) in LINEAR:
            assert b.usd == pytest.approx(a.usd * times)


def test_a_price_holds_up_to_its_tier() -> None:
    rate = load_rates().rates["iot_message"]
    assert rate.cost(0) == 0
    assert rate.cost(1e9) == pytest.approx(1_000)
    assert rate.cost(2e9) == pytest.approx(1_000 + 800)
    assert rate.cost(6e9) == pytest.approx(1_000 + 4 * 800 + 700)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "it needs usd, or tiers"),
        ({"usd": 1, "tiers": [{"usd": 1}]}, "it needs usd, or tiers"),
        ({"tiers": [{"usd": 1, "up_to": 5}]}, "each but the last one has its up_to"),
        ({"tiers": [{"usd": 1}, {"usd": 2}]}, "each but the last one has its up_to"),
        ({"tiers": [{"usd": 1, "up_to": 5}, {"usd": 1, "up_to": 3}, {"usd": 1}]}, "in ascending order"),
    ],
)
def test_a_faulty_rate_is_named(given: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Rate.model_validate({"per": 1, "unit": "GB", "seen": "page", "page": "https://example.org"} | given)


def test_an_example_by_hand() -> None:
    """1,000 devices, each 60 s a reading of 250 bytes: 43.8 million messages a month."""
    estimate = ESTIMATORS["production"].estimate(Fleet(1_000, 60))
    lines = {(line.service, line.item): line.usd for line in estimate.lines}
    assert lines["IoT Core", "connections"] == pytest.approx(43.8 * 0.08)
    assert lines["IoT Core", "messages"] == pytest.approx(43.8)
    assert lines["IoT Core", "topic rule"] == pytest.approx(43.8 * 0.15)
    assert lines["IoT Core", "actions, to Firehose and to SQS"] == pytest.approx(2 * 43.8 * 0.15)
    assert lines["SQS", "sent by the topic rule"] == pytest.approx(43.8 * 0.40)
    assert lines["RDS", "db.m7g.large"] == pytest.approx(2 * 730 * 0.168)
    assert lines["MWAA", "mw1.small"] == pytest.approx(730 * 0.49)
    assert lines["VPC", "interface endpoints"] == pytest.approx(3 * 3 * 730 * 0.01)
    assert estimate.total == pytest.approx(sum(estimate.services().values()))


def test_options_are_compared_with_single_readings() -> None:
    fleet = Fleet(1_000, 60, readings_per_message=7)
    found = {option.readings_per_message: option for option in options(ESTIMATORS["minimal"], fleet)}
    assert {1, 7, 10, most_in_a_step(fleet, TOPIC)} <= found.keys()
    assert found[1].saved == 0
    assert found[7].message_every_seconds == 420
    assert found[10].firehose_gb == pytest.approx(found[1].firehose_gb / 10)


# What the estimate knows of the rest of the project


def test_a_transition_is_counted_for_each_state_that_an_execution_passes() -> None:
    machine = json.loads(STATE_MACHINE.read_text())
    passed = ["ExtractData", "AnythingNew", "LoadObjects", "Summarise"]
    assert successful_transitions(machine) == len(passed)
    assert successful_transitions(machine["States"]["LoadObjects"]["ItemProcessor"]) == len(
        ["TransformData", "LoadData"]
    )


def terraform(folder: str = "") -> str:
    """The configuration in a folder, whatever its files are called."""
    return "\n".join(path.read_text() for path in sorted((TERRAFORM / folder).glob("*.tf")))


def default_of(variable: str, text: str) -> str:
    found = re.search(rf'variable "{variable}" \{{.*?^  default += (.*?)$', text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_compositions_are_those_of_terraform() -> None:
    text = terraform()
    for name, built in load_usage().compositions.items():
        (block,) = re.findall(rf"^    {name} = \{{(.*?)^    \}}", text, re.MULTILINE | re.DOTALL)
        said = dict(re.findall(r"^\s*(\w+)\s*= ([\w\".-]+)$", block, re.MULTILINE))
        zones = said["zones"] if said["endpoints_in_every_zone"] == "true" else "1"
        assert said["instance_class"] == f'"{built.database.instance_class}"'
        assert said["multi_az"] == str(built.database.multi_az).lower()
        assert said["allocated_storage_gib"] == f"{built.database.storage_gb:g}"
        assert said["create_airflow"] == str(built.airflow is not None).lower()
        assert said["create_notebook"] == str(built.notebook is not None).lower()
        assert zones == str(built.endpoint_zones)
        gateways = {"one_per_zone": int(said["zones"]), "one": 1}[said["nat_gateways"].strip('"')]
        assert built.nat_gateways == (gateways if built.airflow or built.notebook else 0)
        assert default_of("interface_endpoints", text) == f'"{built.endpoints}"'
    production = load_usage().compositions["production"]
    assert default_of("airflow_environment_class", text) == f'"{production.airflow}"'
    assert default_of("instance_type", terraform("modules/analysis")) == f'"{production.notebook}"'
    for choice, number in load_usage().interface_endpoints.items():
        (services,) = re.findall(rf"^    {choice} += (\[.*\])$", text, re.MULTILINE)
        assert len(json.loads(services)) == number


# The command


def test_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    ended = run_command(capsys, "cost", "--devices", "1000", "--interval", "60", "--composition", "production")
    assert ended.code == 0
    assert re.search(r"^MWAA +358\.70$", ended.out, re.MULTILINE)
    assert re.search(r"^total +[\d,.]+$", ended.out, re.MULTILINE)
    assert "Firehose bills every record in steps of 5 KB" in ended.out
    assert re.search(r"^10 +600 s", ended.out, re.MULTILINE)
    assert "us-east-1" in ended.out


def test_json_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    ended = run_command(capsys, "cost", "--devices", "50", "--interval", "10", "--readings-per-message", "6", "--json")
    document = json.loads(ended.out)
    assert ended.code == 0
    assert document["total"] == pytest.approx(sum(line["usd"] for line in document["lines"]))
    assert document["total"] == pytest.approx(sum(document["services"].values()))
    assert document["composition"] == "minimal"
    assert "MWAA" not in document["services"]
    assert 6 in [option["readings_per_message"] for option in document["options"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--devices", "0", "--interval", "60"), 2, "--devices"),
        (("--devices", "10", "--interval", "0"), 2, "--interval"),
        (("--devices", "10", "--interval", "nan"), 1, "An interval of nan seconds"),
        (("--devices", "10", "--interval", "inf"), 1, "An interval of inf seconds"),
        (("--devices", "10", "--interval", "60", "--payload-bytes", "200000"), 1, "AWS IoT Core takes 131,072"),
        (("--devices", "10", "--interval", "60", "--readings-per-message", "1000"), 1, "522 fit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_named(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = run_command(capsys, "cost", *arguments)
    assert ended.code == code
    assert said in ended.err


def test_an_empty_fleet_is_refused() -> None:
    with pytest.raises(TelemetryError, match="one device or more"):
        Fleet(0, 60)


def test_the_docs_say_what_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    docs = (Path(INCLUDE).parent / "docs" / "cost.md").read_text()
    out = run_command(capsys, "cost", "--devices", "1000", "--interval", "60").out
    lines = [line.rstrip() for line in out.splitlines()]
    assert all(line in docs for line in lines)
