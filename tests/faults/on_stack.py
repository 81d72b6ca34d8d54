"""The whole stack, as the fault suite handles it: held at a known place by a lock, killed there, and looked at."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psutil
from psycopg2.extensions import connection

from faults.cases import Case
from stack import Stack
from telemetry.airflow_rest.runs import AirflowApi, DagRun
from telemetry.aws.clients import client
from telemetry.devices.mqtt import Broker, publish
from telemetry.interval import HOUR
from telemetry.lake.layout import raw_prefix
from telemetry.waiting import wait_until

STREAM = "telemetry"
LONG = 180.0
"""Seconds that anything may take on a busy machine."""
FIRST_HOUR = datetime(2021, 1, 1, tzinfo=UTC)
APART = 6 * HOUR
"""An hourly load looks back some hours; the cases' hours are farther apart."""


LONG_AGO = datetime(2020, 12, 1, tzinfo=UTC)
"""The event times of what is published: before every case's hour."""


@dataclass
class OnStack:
    """One stack for all cases, each of which has an hour of arrival of its own."""

    stack: Stack
    hours: Iterator[datetime] = field(init=False)

    def __post_init__(self) -> None:
        self.hours = (FIRST_HOUR + number * APART for number in range(1000))

    @property
    def api(self) -> AirflowApi:
        """Airflow's API, logged in anew: the one before may have been killed."""
        return self.stack.airflow_api

    # What there is to load

    def put(self, hour: datetime, readings: int = 50, bad: int = 1) -> None:
        """A history object of so many readings, and so many messages that are none."""
        lines = [json.dumps(self.message(hour, number)).encode() for number in range(readings)]
        lines += [b"\xff no reading %d" % number for number in range(bad)]
        key = f"{raw_prefix(STREAM, hour)}history-{len(lines)}-{uuid4().hex[:16]}.jsonl.gz"
        body = gzip.compress(b"".join(line + b"\n" for line in lines))
        client("s3").put_object(Bucket=self.stack.environment["TELEMETRY_RAW_BUCKET"], Key=key, Body=body)

    @staticmethod
    def message(hour: datetime, number: int) -> dict[str, Any]:
        """The hour's reading of that number."""
        return {
            "device_id": f"device-{number % 7}",
            "timestamp": (hour + timedelta(milliseconds=10 * number)).isoformat(),
            "temperature": 20 + number % 400 / 10,
            "humidity": 40.25,
        }

    def start(self, hour: datetime) -> DagRun:
        """A run of that hour."""
        return self.api.trigger(f"{STREAM}_hourly", partition=f"{hour:%Y-%m-%dT%H}")

    def finish(self, run: DagRun) -> DagRun:
        """The run when it has ended."""
        return list(self.api.watch(run, LONG))[-1]

    def settle(self, hour: datetime, run: DagRun) -> str:
        """Wait for the run; where it failed, load the hour again, as a person would. How the run ended."""
        ended = self.finish(run)
        if ended.state != "success":
            assert self.finish(self.start(hour)).state == "success"
        return f"the run ended in {ended.state}"

    # Holding, and killing what is held

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query gives, in a session of its own."""
        session = self.stack.warehouse()
        try:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute(query, values or None)
                return cursor.fetchall()
        finally:
            session.close()

    @contextmanager
    def held(self, table: str) -> Iterator[None]:
        """Nobody can read or write ``table`` meanwhile."""
        session: connection = self.stack.warehouse()
        try:
            with session.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
        finally:
            with suppress(Exception):  # the server may have been killed
                session.close()

    def waiting(self, application: str, statement: str = "") -> int:
        """The process whose session waits for a lock, once there is one."""
        query = """SELECT client_port FROM pg_stat_activity
            WHERE application_name = %s AND wait_event_type = 'Lock' AND query LIKE %s"""

        def port() -> int | None:
            found = self.ask(query, application, f"%{statement}%")
            return int(found[0][0]) if found else None

        waits = wait_until(port, what=f"{application} to wait for a lock", timeout=LONG, interval=0.1)
        return _process_of(waits)

    def writing_worker(self, function: str, file: str) -> int:
        """The process of a Lambda function, once it writes a file of that name."""

        def writing() -> int | None:
            for worker in self.workers(function):
                with suppress(psutil.Error):
                    if any(opened.path.endswith(f"/{file}") for opened in worker.open_files()):
                        return worker.pid
            return None

        return wait_until(writing, what=f"{function} to write {file}", timeout=LONG, interval=0.01)

    def workers(self, function: str) -> list[psutil.Process]:
        """The processes of a Lambda function."""
        found = []
        for process in psutil.Process(self.stack.pids()["emulator"]).children(recursive=True):
            with suppress(psutil.Error):
                if any(function in text for text in (*process.cmdline(), *process.environ().values())):
                    found.append(process)
        return found

    def kill(self, service: str) -> None:
        """SIGKILL of a service of the stack; PostgreSQL's own children with it, as when a machine goes down."""
        process = psutil.Process(self.stack.pids()[service])
        children = process.children(recursive=True) if service == "postgres" else []
        for one in (process, *children):
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        psutil.wait_procs([process], timeout=60)

    def drain(self) -> None:
        """Load what is in flight, of both lanes, until nothing is."""

        def done() -> bool:
            now = datetime.now(UTC)
            for run in (self.api.trigger(f"{STREAM}_queue"), self.start(now), self.start(now - HOUR)):
                self.finish(run)
            return all(lane["in_flight"] == 0 for lane in self.lanes().values())

        wait_until(done, what="everything in flight to be loaded", timeout=LONG, interval=1)

    # What there is in the end

    def lanes(self) -> dict[str, dict[str, int]]:
        """The account of the stream by lane."""
        found: dict[str, dict[str, int]] = self.stack.json("status")["streams"][STREAM]["lanes"]
        return found

    def loads(self, hour: datetime, kind: str = "hourly") -> list[tuple[Any, ...]]:
        """Status and loaded readings of every load of an hour, by generation."""
        return self.ask(
            "SELECT status, loaded FROM loads WHERE (stream, kind, interval_start) = (%s, %s, %s) ORDER BY generation",
            *(STREAM, kind, hour),
        )

    def saw(self, case: Case, hour: datetime, readings: int, what: str, bad: int = 1) -> None:
        """Everything of the hour is there once, with its exact values, and everything of the stack adds up."""
        found = self.ask(
            "SELECT device_id, event_time, temperature, humidity FROM telemetry_readings "
            "WHERE event_time >= %s AND event_time < %s",
            *(hour, hour + HOUR),
        )
        expected = Counter(
            (one["device_id"], datetime.fromisoformat(one["timestamp"]), one["temperature"], one["humidity"])
            for one in (self.message(hour, number) for number in range(readings))
        )
        twice = sum(number - 1 for number in Counter(found).values())
        assert Counter(found) == expected
        ((counted, rejected),) = self.ask(
            "SELECT coalesce(sum(loaded), 0)::int, coalesce(sum(quarantined), 0)::int FROM load_objects "
            "WHERE stream = %s AND lane = 'lake' AND partition_start = %s",
            *(STREAM, hour),
        )
        assert (counted, rejected) == (readings, bad)
        assert all(status != "running" for status, _ in self.loads(hour))
        assert self.ask("SELECT count(*) FROM loads WHERE rows_read <> loaded + duplicate + quarantined") == [(0,)]
        unaccounted = sum(lane["unaccounted"] + lane["surplus"] for lane in self.lanes().values())
        case.saw(f"{what}; {counted} readings loaded, {rejected} quarantined", unaccounted=unaccounted, twice=twice)


class Devices(threading.Thread):
    """So many messages over MQTT, sent again where the broker did not acknowledge them."""

    def __init__(self, living: OnStack, messages: int) -> None:
        super().__init__()
        texts = (json.dumps(living.message(LONG_AGO, number)).encode() for number in range(messages))
        self._messages = ((f"devices/d/{STREAM}", text) for text in texts)
        self._broker = Broker.from_environment(living.stack.environment)
        self.acknowledged = 0

    def run(self) -> None:
        publish(self._broker, self._messages, on_progress=self._tell)
        self.acknowledged = -1

    def _tell(self, acknowledged: int) -> None:
        self.acknowledged = acknowledged

    def all_acknowledged(self) -> bool:
        self.join(LONG)
        return self.acknowledged == -1


def _process_of(port: int) -> int:
    """The process that has a connection from that port of this machine, and is no server's."""
    for found in psutil.net_connections("tcp"):
        if found.laddr and found.laddr.port == port and found.pid:
            return int(found.pid)
    raise AssertionError(f"no process is connected from port {port}")


def end(pid: int) -> None:
    """SIGKILL, and the process is gone."""
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([process], timeout=60)
