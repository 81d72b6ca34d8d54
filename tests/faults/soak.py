"""``make soak``: devices publish without a break, parts of the stack are killed at random, and in the end all is there.

A stack of its own is started, and wiped at the end. Exit code 0: published = loaded + duplicate + quarantined in both
lanes of every stream, nothing in flight, nothing unaccounted, nothing twice, every valid reading with its exact values.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from psycopg2 import Error as DatabaseError

from faults.devices import STREAMS, Devices
from faults.kills import KINDS, kill
from stack import Stack
from telemetry.airflow_rest.runs import AirflowApi, DagRun
from telemetry.devices.mqtt import Broker
from telemetry.errors import TelemetryError

PAUSES = (15.0, 40.0)
"""Seconds from one kill to the next."""
RUN_SECONDS = 30.0
TELL_SECONDS = 15.0
DRAIN_SECONDS = 900.0
"""A drain that was killed hides its messages for ``visibility_timeout_seconds``."""
UP_ATTEMPTS = 3


@dataclass
class Soak:
    """One soak of one stack."""

    stack: Stack
    devices: Devices
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    runs: dict[str, DagRun] = field(default_factory=dict)

    def run(self, seconds: float) -> bool:
        """Publish and kill for so long, load what is left, and say whether everything is there."""
        stop = threading.Event()
        broker = Broker.from_environment(self.stack.environment)
        jobs = (lambda: self.devices.publish(broker, stop), lambda: self._kill(stop), lambda: self._load(stop))
        workers = [threading.Thread(target=self._work, args=[job]) for job in jobs]
        for worker in workers:
            worker.start()
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            time.sleep(min(TELL_SECONDS, seconds))
            self._tell(time.monotonic() - began)
        stop.set()
        for worker in reversed(workers):
            worker.join()
        self._up()
        return self._report(self._drain())

    def _work(self, job: Callable[[], None]) -> None:
        """A thread that dies would be missed by nobody."""
        try:
            job()
        except Exception as error:
            self.troubles.append(f"{type(error).__name__}: {error}")
            raise

    def _kill(self, stop: threading.Event) -> None:
        while not stop.wait(self.chance.uniform(*PAUSES)):
            kind = self.chance.choice(KINDS)
            with suppress(psutil.Error):
                if kill(self.stack, kind, self.chance):
                    self.kills[kind] += 1
                    say(f"  SIGKILL: {kind}")
            self._up()

    def _up(self) -> None:
        """``telemetry up``; where it failed, again: what it said is kept."""
        for _ in range(UP_ATTEMPTS):
            began = time.monotonic()
            done = self.stack.run("up", check=False, timeout=600)
            if done.returncode == 0:
                if (took := time.monotonic() - began) > TELL_SECONDS:
                    say(f"  telemetry up took {took:.0f} s")
                return
            self.troubles.append(f"telemetry up: {done.stdout[-500:]}{done.stderr[-1500:]}")
            say("  telemetry up failed; trying again")

    def _load(self, stop: threading.Event) -> None:
        while not stop.wait(RUN_SECONDS):
            with suppress(TelemetryError, OSError, KeyError):  # a part of the stack is down just now
                self._start_runs(self.stack.airflow_api)

    def _start_runs(self, api: AirflowApi) -> list[DagRun]:
        """A run of the queue and one of this hour and the last, of each stream, unless such a run is under way."""
        now = datetime.now(UTC)
        started = []
        for stream in STREAMS:
            for dag, params in (
                (f"{stream}_queue", {}),
                (f"{stream}_hourly", {"partition": f"{now:%Y-%m-%dT%H}"}),
            ):
                earlier = self.runs.get(dag)
                if earlier is None or api.run(dag, earlier.run_id).ended:
                    self.runs[dag] = api.trigger(dag, **params)
                started.append(self.runs[dag])
        return started

    def _tell(self, elapsed: float) -> None:
        devices = self.devices
        sent = sum(devices.sent.values())
        stored = "the warehouse is down"
        with suppress(DatabaseError):
            stored = f"{sum(self._count(stream) for stream in STREAMS)} readings stored"
        kills = sum(self.kills.values())
        say(f"{elapsed:5.0f} s  {sent} sent, {devices.acknowledged} acknowledged, {stored}, {kills} kills")

    def _count(self, stream: str) -> int:
        return int(self._ask(f"SELECT count(*) FROM {stream}_readings")[0][0])

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        session = self.stack.warehouse()
        try:
            with session.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            session.close()

    # The end

    def _drain(self) -> dict[str, Any]:
        """Run loads until nothing is in flight; the accounts by stream."""
        say("publishing has stopped: loading what is in flight")
        deadline = time.monotonic() + DRAIN_SECONDS
        while True:
            with suppress(TelemetryError):
                api = self.stack.airflow_api
                for run in self._start_runs(api):
                    list(api.watch(run, 600))
            streams = self._accounts()
            lanes = [lane for one in streams.values() for lane in one["lanes"].values()]
            in_flight = sum(lane["in_flight"] for lane in lanes)
            unaccounted = sum(lane["unaccounted"] + lane["surplus"] for lane in lanes)
            running = self._ask("SELECT count(*) FROM loads WHERE status = 'running'")[0][0]
            say(f"  in flight {in_flight}, unaccounted {unaccounted}, {running} loads running")
            if not (in_flight or running) or time.monotonic() > deadline:
                return streams
            for stream, one in streams.items():
                if one["dlq_depth"]:
                    self.stack.run("dlq", "redrive", stream, check=False)
            time.sleep(5)

    def _accounts(self) -> dict[str, Any]:
        """By stream; the command's own verdict is its exit code, which is not asked for here."""
        streams: dict[str, Any] = json.loads(self.stack.run("status", "--json", check=False).stdout)["streams"]
        return streams

    def _report(self, streams: dict[str, Any]) -> bool:
        """The table, and whether all is well."""
        say("\nkills: " + (", ".join(f"{kind} {number}" for kind, number in sorted(self.kills.items())) or "none"))
        columns = ("published", "loaded", "duplicate", "quarantined", "in_flight", "unaccounted", "surplus")
        say(f"{'stream':12}{'lane':7}" + "".join(f"{name:>13}" for name in columns))
        wrong = list(self.troubles)
        for stream in STREAMS:
            for lane, counts in streams[stream]["lanes"].items():
                say(f"{stream:12}{lane:7}" + "".join(f"{counts[name]:>13}" for name in columns))
                published, loaded, duplicate, quarantined, *others = (counts[name] for name in columns)
                if any(others) or published != loaded + duplicate + quarantined:
                    wrong.append(f"{stream}, {lane} lane: it does not add up")
                if published < self.devices.sent[stream]:
                    wrong.append(f"{stream}: {self.devices.sent[stream]} sent and acknowledged, {published} published")
                if quarantined < self.devices.bad[stream]:
                    wrong.append(f"{stream}, {lane} lane: {self.devices.bad[stream]} bad messages were sent")
            wrong += self._differences(stream)
        running = self._ask("SELECT count(*) FROM loads WHERE status = 'running'")[0][0]
        if running:
            wrong.append(f"{running} loads have not ended")
        for fault in wrong:
            say(f"WRONG: {fault}")
        say("everything is there, once" if not wrong else f"{len(wrong)} faults")
        return not wrong

    def _differences(self, stream: str) -> list[str]:
        found = Counter(self._ask(f"SELECT device_id, event_time, temperature, humidity FROM {stream}_readings"))
        expected = Counter(self.devices.readings[stream])
        twice = sum(number - 1 for number in found.values())
        missing, surplus = (expected - found).total(), (found - expected).total() - twice
        say(f"{stream}: {len(expected)} readings sent, {missing} missing, {surplus} never sent, {twice} twice")
        return [f"{stream}: readings differ from what was sent"] if missing or surplus or twice else []


def say(text: str) -> None:
    """A line, at once."""
    print(text, flush=True)


def main() -> int:
    """0 where everything is there."""
    parser = argparse.ArgumentParser(prog="soak", description="Publish, kill, and count what is there in the end.")
    parser.add_argument("--minutes", type=float, default=10, help="how long messages are published")
    parser.add_argument("--rate", type=float, default=200, help="messages a second")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the messages and the kills")
    given = parser.parse_args()
    say(f"seed {given.seed}: {given.rate:g} messages a second for {given.minutes:g} minutes")
    with tempfile.TemporaryDirectory(prefix="telemetry-soak-") as folder:
        stack = Stack.copy(Path(folder))
        try:
            stack.up()
            chance = random.Random(given.seed)  # noqa: S311 - no secret
            return 0 if Soak(stack, Devices(given.rate, given.seed), chance).run(60 * given.minutes) else 1
        finally:
            stack.run("reset", "--yes", check=False)


if __name__ == "__main__":
    sys.exit(main())
