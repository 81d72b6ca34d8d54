"""The emulator that these tests share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulated import Device, Emulator

WRITE = """
import botocore.session

def handler(event, context):
    botocore.session.Session().create_client("s3").put_object(Bucket=event["bucket"], Key="called", Body=b"")
"""


@pytest.fixture(scope="package")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator that all tests of this folder share."""
    with Emulator(tmp_path_factory.mktemp("emulator") / "data") as started:
        yield started


@pytest.fixture(scope="package", autouse=True)
def scheduled(emulator: Emulator) -> str:
    """The bucket that a scheduled function writes to; begun with the first test, since its call takes a minute."""
    bucket, events = emulator.bucket(), emulator.client("events")
    function = emulator.function(WRITE)
    events.put_rule(Name="each-minute", ScheduleExpression="rate(1 minute)", State="ENABLED")
    target = {"Id": "1", "Arn": function, "Input": json.dumps({"bucket": bucket})}
    assert events.put_targets(Rule="each-minute", Targets=[target])["FailedEntryCount"] == 0
    return bucket


@pytest.fixture(scope="package")
def device(emulator: Emulator) -> Iterator[Device]:
    """A connected device."""
    connected = emulator.device()
    yield connected
    connected.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Emulator]:
    """An emulator of the test's own, that writes its state all the time."""
    with Emulator(tmp_path / "data", options=("--checkpoint-seconds", "0.05")) as emulator:
        yield emulator


@pytest.fixture
def journaled(tmp_path: Path) -> Iterator[Emulator]:
    """An emulator of the test's own, that leaves what happens in its journal."""
    with Emulator(tmp_path / "data", options=("--checkpoint-seconds", "9999")) as emulator:
        yield emulator
