"""How many rows a second DataTransformationFunction transforms, by stream; also against another commit, in turn.

    PYTHONPATH=tests python -m benchmarks.transform [--rounds 9] [--rows 20000] [--against COMMIT]

Seconds are those of the processor, since other programs of the machine do not count in them. With ``--against``, each
round measures both checkouts, one after the other, and the ratio is that of the two: so it holds where the machine's
speed drifts.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
TIMED = Path(__file__).with_name("timed_transform.py")
START = 1_772_366_400  # 2026-03-01T12:00:00Z
DEVICES = 50


def telemetry(number: int, random_: random.Random) -> dict[str, Any]:
    """A message as the device simulator publishes it."""
    return {
        "device_id": f"device-{number % DEVICES}",
        "timestamp": f"2026-03-01T12:{number // 60 % 60:02}:{number % 60:02}.{number % 1_000_000:06}+00:00",
        "temperature": round(random_.uniform(-10, 40), 2),
        "humidity": round(random_.uniform(20, 90), 2),
    }


def environment(number: int, random_: random.Random) -> dict[str, Any]:
    """A message of a sensor array: nested, its numbers with all the digits of a double."""
    return {
        "data": {
            "co": random_.uniform(0.001, 0.02),
            "humidity": random_.uniform(20, 90),
            "light": number % 2 == 0,
            "lpg": random_.uniform(0.001, 0.02),
            "motion": number % 5 == 0,
            "smoke": random_.uniform(0.001, 0.05),
            "temp": random_.uniform(-10, 40),
        },
        "device_id": f"5e:44:3b:f3:79:{number % DEVICES:02x}",
        "ts": START + number / 7,
        "device": f"iot-device-{number % DEVICES:02}",
    }


SHAPES = {"telemetry": telemetry, "environment": environment}


def write_object(path: Path, stream: str, rows: int) -> None:
    """A raw object as Firehose writes it: an envelope a line, the same at every call."""
    random_ = random.Random(stream)  # noqa: S311 - no secret
    with gzip.open(path, "wb") as file:
        for number in range(rows):
            payload = SHAPES[stream](number, random_)
            envelope = {
                "message_id": str(uuid.UUID(int=random_.getrandbits(128), version=4)),
                "topic": f"devices/{payload['device_id']}/{stream}",
                "received_at": START * 1000 + number,
                "payload": base64.b64encode(json.dumps(payload, separators=(",", ":")).encode()).decode(),
            }
            file.write(json.dumps(envelope, separators=(",", ":")).encode() + b"\n")


def rate(checkout: Path, stream: str, path: Path, rows: int) -> float:
    """Rows per second of processor time, in a process of its own.

    Raises:
        RuntimeError: the checkout cannot transform the object, or read other rows of it.
    """
    command = [sys.executable, str(TIMED), str(checkout), stream, str(path)]
    environment = os.environ | {"PYTHONPATH": str(checkout / "include")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{checkout} cannot transform an object of {stream}:\n{done.stderr}")
    measured = json.loads(done.stdout)
    if measured["rows"] != rows:
        raise RuntimeError(f"{checkout} read {measured['rows']} rows of {stream}, not {rows}")
    return float(measured["rows"] / measured["seconds"])


@contextmanager
def checkout_of(commit: str) -> Iterator[Path]:
    """The project as it was at a commit, in a folder that is gone afterwards."""
    git = ["git", "-C", str(PROJECT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "checkout"
        subprocess.run([*git, "add", "--quiet", "--detach", place, commit], check=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", place], check=True)


def hardware() -> str:
    """Processor, cores, system and interpreter."""
    cpu_info = Path("/proc/cpuinfo")
    models = [line for line in cpu_info.read_text().splitlines() if "model name" in line] if cpu_info.exists() else []
    model = models[0].split(":", 1)[1].strip() if models else platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def spread(values: list[float], digits: int = 0) -> str:
    """Median and, in brackets, least and most."""
    middle, low, high = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def measure(stream: str, rows: int, rounds: int, other: Path | None) -> tuple[list[float], list[float]]:
    """The rates of this checkout and of the other one, round by round."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object.gz"
        write_object(path, stream, rows)
        here: list[float] = []
        there: list[float] = []
        for number in range(rounds):
            order = [(PROJECT, here), *([(other, there)] if other else [])]
            for checkout, rates in order if number % 2 == 0 else reversed(order):
                rates.append(rate(checkout, stream, path, rows))
    return here, there


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Rows per second of DataTransformationFunction.")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each stream and checkout")
    parser.add_argument("--rows", type=int, default=20_000, help="rows of the object")
    parser.add_argument("--against", metavar="COMMIT", help="compare with the project as it was at a commit")
    parser.add_argument("--stream", choices=list(SHAPES), action="append", help="measure only this stream")
    given = parser.parse_args(arguments)
    print(f"{hardware()}; {given.rows:,} rows an object, n = {given.rounds}; rows per second of processor time")
    print("median (least to most)")
    with checkout_of(given.against) if given.against else nullcontext() as other:
        for stream in given.stream or SHAPES:
            here, there = measure(stream, given.rows, given.rounds, other)
            print(f"{stream}: {spread(here)}", flush=True)
            if there:
                ratios = [one / another for one, another in zip(here, there, strict=True)]
                print(f"{stream} at {given.against}: {spread(there)}; ratio {spread(ratios, 2)}", flush=True)


if __name__ == "__main__":
    main()
