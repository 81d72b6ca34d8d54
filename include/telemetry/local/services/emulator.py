"""The AWS emulator as a service of the local stack; what it does is in ``emulator/``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx

from telemetry.errors import TelemetryError
from telemetry.local.host.ports import LOOPBACK, claim_port
from telemetry.local.host.processes import Daemon, base_environment
from telemetry.local.host.state import PROJECT, State
from telemetry.waiting import wait_until

INTERPRETER = PROJECT / ".venv-emulator" / "bin" / "python"
LAUNCHER = Path(__file__).parents[1] / "emulator" / "launcher.py"
MQTT = "emulator-mqtt"


class UnmatchedTopic(NamedTuple):
    """A topic that no rule takes: how many messages came on it, and when the first and the last."""

    topic: str
    messages: int
    first_at: datetime
    last_at: datetime


def unmatched_topics(url: str) -> list[UnmatchedTopic]:
    """The last topics on which messages came that no rule takes, the latest first.

    Raises:
        TelemetryError: the emulator at ``url`` does not answer.
    """
    try:
        answer = httpx.get(f"{url}/_telemetry/unmatched-topics", timeout=5, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise TelemetryError(f"{url} does not list the topics that no rule takes: {error}.") from error
    return [
        UnmatchedTopic(
            one["topic"],
            one["messages"],
            datetime.fromtimestamp(one["first"], UTC),
            datetime.fromtimestamp(one["last"], UTC),
        )
        for one in answer.json()
    ]


class Emulator:
    """The emulator in its own virtual environment, with its HTTP and its MQTT port on loopback."""

    name = "emulator"

    def __init__(self, state: State, region: str) -> None:
        self._state = state
        self._region = region
        self._daemon = Daemon(state, self.name)

    @property
    def url(self) -> str:
        """The value of AWS_ENDPOINT_URL: an IP address, not a name, so that clients address buckets by path."""
        return f"http://{LOOPBACK}:{self._state.port(self.name)}"

    @property
    def mqtt_port(self) -> int:
        """The port of MQTT over TLS."""
        return self._state.port(MQTT)

    def start(self) -> None:
        """Start the emulator, and return when it answers. Does nothing if it is running.

        Raises:
            TelemetryError: it is not installed, a port is taken, or it ended, with the last lines of its log.
        """
        if not INTERPRETER.exists():
            raise TelemetryError(
                f"The emulator's virtual environment {INTERPRETER.parents[1]} is missing.", "Run `make setup`."
            )
        data = self._state.path("emulator", "data").parent
        if not self._daemon.is_running():
            self._daemon.stop()
            claim_port(self._state, self.name)
            claim_port(self._state, MQTT)
        ports = ["--port", str(self._state.port(self.name)), "--mqtt-port", str(self.mqtt_port)]
        command: list[str | Path] = [INTERPRETER, LAUNCHER, *ports, "--data", data, "--region", self._region]
        data.mkdir(mode=0o700, exist_ok=True)
        self._daemon.start(command, base_environment(), folder=data)
        wait_until(
            self._is_up, what="the emulator to answer", timeout=60, interval=0.1, hint=f"See {self._daemon.log}."
        )

    def stop(self) -> None:
        """Stop the emulator. It has the time to save its state and to deliver Firehose's buffers."""
        self._daemon.stop(grace=30.0)

    def health(self) -> dict[str, str | None]:
        """Return ``{"emulator": None}`` if it answers, else what is wrong."""
        if not self._daemon.is_running():
            return {self.name: "not running"}
        return {self.name: None if self._answers() else f"no answer from {self.url}"}

    def _is_up(self) -> bool:
        self._daemon.check()
        return self._answers()

    def _answers(self) -> bool:
        try:
            response = httpx.get(f"{self.url}/_ministack/ready", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK
