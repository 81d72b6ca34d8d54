"""A Lambda worker: a function's real handler in a process of its own, to be killed or stopped at a named step."""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import etl
from telemetry.aws import clients as aws
from telemetry.paths import FUNCTIONS

Fault = Callable[[], None]
"""Called in the worker before its handler is: it arranges what is to go wrong."""

PATIENCE = 60.0
"""Seconds for one attempt. Lambda gives more; here a worker that takes as long hangs."""

EXIT = "Runtime.ExitError"
"""What Lambda reports of a worker whose process ended (AWS Lambda developer guide, "Troubleshooting invocation")."""


@dataclass(frozen=True)
class Ended:
    """How one attempt ended: with an ``answer``, or with an ``error`` and its ``cause``."""

    answer: Any = None
    error: str = ""
    cause: str = ""
    seconds: float = 0.0

    @property
    def killed(self) -> bool:
        return self.error == EXIT


class Worker:
    """One attempt under way. Fork it from a process whose modules are loaded: it is quick then."""

    def __init__(
        self, function: str, event: dict[str, Any], faults: Iterable[Fault] = (), seconds: float = 300
    ) -> None:
        self._began = time.monotonic()
        self._ended: int | None = None
        self.stopped = False
        # One at a time, and while no thread makes a client: a child would have the other's pipe, and the lock for ever.
        aws._MAKING.acquire()
        self._results, results = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(results)
        aws._MAKING.release()
        if not self.pid:
            _work(function, event, faults, seconds, results)
        _ALL.append(self)

    def wait_stopped(self) -> None:
        """Return when the worker has stopped itself at a step (``stop_at``).

        Raises:
            AssertionError: it came to its end without.
        """
        deadline = time.monotonic() + PATIENCE
        while not self.stopped:
            self._look()
            assert self._ended is None, f"the worker ended before the step: {self.wait()}"
            assert time.monotonic() < deadline, "the worker did not come to the step"
            time.sleep(0.002)

    def go_on(self) -> None:
        """Let a worker that has stopped itself go on."""
        self.stopped = False
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """As the end of a sandbox: nothing more of the worker runs."""
        if self._ended is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """How it ended."""
        text = self._read()
        while self._ended is None:
            self._look(0)
        seconds = time.monotonic() - self._began
        if os.WIFSIGNALED(self._ended):
            return Ended(error=EXIT, cause=f"signal {os.WTERMSIG(self._ended)}", seconds=seconds)
        return Ended(**json.loads(text), seconds=seconds)

    def _look(self, options: int = os.WNOHANG) -> None:
        pid, status = os.waitpid(self.pid, options | os.WUNTRACED)
        if pid and os.WIFSTOPPED(status):
            self.stopped = True
        elif pid:
            self._ended = status

    def _read(self) -> bytes:
        if self._results < 0:
            return b""
        parts, deadline = [], time.monotonic() + PATIENCE
        while True:
            ready, _, _ = select.select([self._results], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.kill()
                raise AssertionError("the worker hangs")
            part = os.read(self._results, 65536)
            if not part:
                break
            parts.append(part)
        results, self._results = self._results, -1
        os.close(results)
        return b"".join(parts)


_ALL: list[Worker] = []


def warm_up() -> None:
    """Load what a worker needs, once for all that are forked from here; a cold start takes seconds."""
    for module in ("pandas", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "psycopg2.extras"):
        importlib.import_module(module)
    importlib.import_module("pyarrow").array([1])  # looks for pandas
    for folder in FUNCTIONS.iterdir():
        if folder.name != "device_simulator" and (folder / "handler.py").exists():
            etl.function(folder.name)
    for service in ("s3", "sqs", "secretsmanager"):
        aws.client(service)


def end_all() -> None:
    """Kill what a failed test left stopped or running."""
    for worker in _ALL:
        worker.kill()
    for worker in _ALL:
        if worker._ended is None:
            worker.wait()
    _ALL.clear()


def run(function: str, event: dict[str, Any], *faults: Fault) -> Ended:
    """One attempt, to its end."""
    return Worker(function, event, faults).wait()


def _work(function: str, event: dict[str, Any], faults: Iterable[Fault], seconds: float, results: int) -> None:
    """The child's whole life."""
    try:
        try:
            _quicken()
            for fault in faults:
                fault()
            given = json.loads(json.dumps(event))
            outcome: dict[str, Any] = {"answer": etl.function(function).handler(given, etl.Context(seconds))}
            _at_end()
        except BaseException as error:
            outcome = {"error": type(error).__name__, "cause": str(error)}
        text = json.dumps(outcome).encode()
        while text:
            text = text[os.write(results, text) :]
    finally:
        os._exit(0)


AT_END: list[Callable[[], None]] = []
"""What a fault arranged for the moment between the handler's end and its answer."""


def _at_end() -> None:
    for action in AT_END:
        action()


def _quicken() -> None:
    """No case is about how long botocore backs off, or how long SQS may take to say that it has no message."""
    backoff: Any = importlib.import_module("botocore.retries.standard").ExponentialBackoff
    backoff.delay_amount = lambda *_: 0.01
    queues: Any = importlib.import_module("telemetry.aws.queues")
    queues.LONG_POLL_SECONDS = 0
