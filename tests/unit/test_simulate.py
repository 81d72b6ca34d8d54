"""Simulated devices: the same again for the same seed, plausible values, and faults in the chosen proportions."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.contracts.loader import load_streams
from telemetry.contracts.model import Stream
from telemetry.contracts.reasons import Reason, Reject
from telemetry.contracts.validate import Outcome, Reading, compile_contract
from telemetry.devices.messages import DeviceMessage
from telemetry.devices.simulate import Simulation, simulate
from telemetry.errors import TelemetryError

START = datetime(2026, 3, 1, tzinfo=UTC)
STREAMS = load_streams()
WIDE = Stream.model_validate(
    {
        "stream": "wide",
        "topic": "plant/+/wide",
        "device": {"path": "pump.serial"},
        "event_time": {"path": "at.ms", "format": "epoch_milliseconds"},
        "message_id": {"path": "id"},
        "fields": {
            "note": {"type": "string"},
            "count": {"type": "integer", "path": "pump.count", "range": [3, 5]},
            "on": {"type": "boolean"},
            "tiny": {"type": "double", "range": [0.0001, 0.0002], "required": True},
            "free": {"type": "double"},
        },
    }
)
EVERY = [*STREAMS.values(), WIDE]


def of(stream: Stream, messages: int = 500, **rates: float) -> Simulation:
    return Simulation(stream, messages, START, START + timedelta(days=1), devices=7, **rates)  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", EVERY, ids=lambda stream: stream.stream)
def test_every_reading_keeps_its_contract(stream: Stream) -> None:
    validate = compile_contract(stream)
    for message in simulate(of(stream)):
        assert message.moment is not None
        reading = validate(orjson.loads(message.payload), message.moment + timedelta(seconds=1))
        assert isinstance(reading, Reading)
        assert reading.device_id == message.device_id
        assert abs(reading.event_time - message.moment) < timedelta(milliseconds=1)
        assert None not in reading.values
        assert (reading.extra is None) == (stream.message_id is None)


@given(seed=st.integers(), malformed=st.floats(0, 0.3), duplicate=st.floats(0, 0.3), late=st.floats(0, 0.3))
def test_a_seed_decides_every_byte(seed: int, malformed: float, duplicate: float, late: float) -> None:
    simulation = of(STREAMS["telemetry"], 40, malformed=malformed, duplicate=duplicate, late=late)
    simulation = replace(simulation, seed=seed)
    messages = list(simulate(simulation))
    assert messages == list(simulate(simulation))
    assert len(messages) == 40
    assert all(b"\n" not in message.payload and message.payload for message in messages)


def test_another_seed_is_another_day() -> None:
    assert list(simulate(of(WIDE))) != list(simulate(replace(of(WIDE), seed=1)))


def test_the_rates_are_kept() -> None:
    simulation = of(STREAMS["telemetry"], 10_000, duplicate=0.02, malformed=0.01, late=0.03)
    messages = list(simulate(simulation))
    payloads = Counter(message.payload for message in messages)
    assert sum(payloads.values()) - len(payloads) == pytest.approx(200, abs=60)
    outcomes = [(_outcome(message), message.moment) for message in messages]
    late = [
        reading for reading, moment in outcomes if isinstance(reading, Reading) and moment and _is_late(reading, moment)
    ]
    assert len(late) == pytest.approx(300, abs=80)
    assert sum(isinstance(outcome, Reject) for outcome, _ in outcomes) == pytest.approx(100, abs=50)


def _outcome(message: DeviceMessage, stream: Stream = STREAMS["telemetry"]) -> Outcome:
    try:
        payload = orjson.loads(message.payload)
    except orjson.JSONDecodeError:
        return Reject(Reason.not_json, "")
    assert message.moment
    return compile_contract(stream)(payload, message.moment + timedelta(minutes=1))


def _is_late(reading: Reading, moment: datetime | None) -> bool:
    assert moment
    # A repeated message is younger than what it repeats by minutes.
    return moment - reading.event_time > timedelta(minutes=59)


def test_moments_stay_within_the_span_and_take_the_devices_in_turn() -> None:
    messages = list(simulate(of(STREAMS["telemetry"], 700, late=0.2, duplicate=0.0)))
    moments = [message.moment for message in messages if message.moment]
    assert moments == sorted(moments)
    assert moments[0] == START
    assert moments[-1] < START + timedelta(days=1)
    assert set(Counter(message.device_id for message in messages).values()) == {100}


def test_afternoons_are_warmer_and_drier() -> None:
    readings = [json.loads(message.payload) for message in simulate(of(STREAMS["telemetry"], 2400))]

    def mean(field: str, hour: str) -> float:
        values: list[float] = [reading[field] for reading in readings if reading["timestamp"][11:13] == hour]
        return sum(values) / len(values)

    assert mean("temperature", "15") > mean("temperature", "03") + 10
    assert mean("humidity", "15") < mean("humidity", "03") - 10


@pytest.mark.parametrize("stream", EVERY, ids=lambda stream: stream.stream)
def test_a_malformed_message_is_never_a_reading(stream: Stream) -> None:
    outcomes = [_outcome(message, stream) for message in simulate(of(stream, 400, malformed=1.0))]
    reasons = Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Reject))
    assert sum(reasons.values()) == 400
    expected = {Reason.not_json, Reason.not_object, Reason.missing_field, Reason.wrong_type, Reason.out_of_range}
    assert reasons.keys() == expected


@pytest.mark.parametrize(
    "wrong", [{"duplicate": -0.1}, {"late": 0.6, "malformed": 0.6}, {"devices": 0}, {"messages": -1}], ids=str
)
def test_impossible_simulations_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(TelemetryError):
        replace(of(WIDE), **wrong)  # type: ignore[arg-type]
