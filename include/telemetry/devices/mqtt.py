"""Publishing over MQTT and TLS with a device certificate, at least once (QoS 1)."""

from __future__ import annotations

import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from telemetry.devices.messages import check_size
from telemetry.errors import TelemetryError

IN_FLIGHT = 200
"""How many messages may wait for their acknowledgement at once."""

CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 30.0
"""How long the broker may acknowledge nothing while messages wait; meanwhile the client tries to reconnect."""

QOS_AT_LEAST_ONCE = 1

CLIENT_ID_PREFIX = "telemetry-"
"""Every connection has a client id of its own: the broker closes one connection when another comes with the same id."""


@dataclass(frozen=True)
class Broker:
    """The address of an MQTT broker, and the files with which broker and device authenticate each other."""

    host: str
    port: int
    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Broker:
        """Read ``TELEMETRY_MQTT_HOST``, ``_PORT``, ``_CA``, ``_CERTIFICATE`` and ``_KEY``.

        Raises:
            TelemetryError: one of them is not set, or the port is not a number.
        """
        try:
            host, port, authority, certificate, key = (
                environment[f"TELEMETRY_MQTT_{name}"] for name in ("HOST", "PORT", "CA", "CERTIFICATE", "KEY")
            )
            return cls(host, int(port), Path(authority), Path(certificate), Path(key))
        except KeyError as error:
            raise TelemetryError(
                f"{error.args[0]} is not set.", "It names the MQTT broker or a file of the device's certificate."
            ) from error
        except ValueError as error:
            raise TelemetryError("TELEMETRY_MQTT_PORT is not a number.") from error

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Connection:
    """A connection to the broker, as a context manager. It reconnects when it breaks."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._changed = threading.Condition()
        self._connected = False
        self._problem = ""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"{CLIENT_ID_PREFIX}{uuid.uuid4().hex[:12]}")
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            TelemetryError: the broker cannot be reached, or it or the certificate is refused.
        """
        broker = self._broker
        try:
            self._client.tls_set(str(broker.authority), str(broker.certificate), str(broker.key))
        except (OSError, ssl.SSLError) as error:
            raise TelemetryError(
                f"The certificate files cannot be used: {error}.",
                f"They are {broker.authority}, {broker.certificate} and {broker.key}.",
            ) from error
        try:
            self._client.connect(broker.host, broker.port)
        except ssl.SSLCertVerificationError as error:
            raise TelemetryError(
                f"The certificate of the MQTT broker at {broker} cannot be trusted: {error.verify_message}.",
                f"It has to be signed by {broker.authority}.",
            ) from error
        except ssl.SSLError as error:
            raise self._refused(error.reason or str(error)) from error
        except OSError as error:
            raise TelemetryError(
                f"The MQTT broker at {broker} cannot be reached: {error.strerror or error}.",
                "Is it running? `telemetry status` shows the services of the local stack.",
            ) from error
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._problem, CONNECT_SECONDS)
            if not self._connected:
                problem = self._problem or "no answer"
        if not self._connected:
            self._stop()
            raise self._refused(problem)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _refused(self, reason: str) -> TelemetryError:
        return TelemetryError(
            f"The MQTT broker at {self._broker} accepts no connection with {self._broker.certificate}: {reason}.",
            "The certificate has to be registered and active; `telemetry up` sees to that on the local stack.",
        )

    # paho calls these in its own thread.

    def _on_connect(self, client: Client, userdata: Any, flags: Any, reason_code: Any, properties: Any) -> None:
        with self._changed:
            self._connected = not reason_code.is_failure
            self._problem = str(reason_code) if reason_code.is_failure else ""
            self._changed.notify_all()

    def _on_disconnect(self, client: Client, userdata: Any, flags: Any, reason_code: Any, properties: Any) -> None:
        with self._changed:
            self._connected = False
            self._problem = f"connection lost: {reason_code}"
            self._changed.notify_all()


class Publisher(Connection):
    """A connection that publishes; leaving it in peace waits for every acknowledgement.

    What was not acknowledged when it broke is sent again: the broker may see a message twice.
    """

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker)
        self.sent = 0
        self.acknowledged = 0
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.on_publish = self._on_publish

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._stop()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send one message; first wait while ``IN_FLIGHT`` messages are not acknowledged.

        Raises:
            TelemetryError: the payload is larger than AWS IoT Core takes, which would close the connection; or the
                broker acknowledged nothing for ``SILENCE_SECONDS``.
        """
        check_size(topic, payload)
        self._wait_for_at_most(IN_FLIGHT - 1)
        self._client.publish(topic, payload, QOS_AT_LEAST_ONCE)
        self.sent += 1

    def flush(self, on_progress: Callable[[int], None] | None = None) -> None:
        """Wait until every message is acknowledged.

        Raises:
            TelemetryError: the broker acknowledged nothing for ``SILENCE_SECONDS``.
        """
        self._wait_for_at_most(0, on_progress)

    def _wait_for_at_most(self, waiting: int, on_progress: Callable[[int], None] | None = None) -> None:
        with self._changed:
            while self.sent - self.acknowledged > waiting:
                before = self.acknowledged
                if not self._changed.wait_for(lambda: self.acknowledged > before, SILENCE_SECONDS):  # noqa: B023 - called at once
                    missing = self.sent - self.acknowledged
                    problem = f" ({self._problem})" if self._problem else ""
                    raise TelemetryError(
                        f"The MQTT broker at {self._broker} acknowledged nothing for {SILENCE_SECONDS:g} s{problem}; "
                        f"{self.acknowledged} messages arrived, {missing} may not have.",
                        "Is it running, and does the certificate's policy allow publishing on these topics?",
                    )
                if on_progress:
                    on_progress(self.acknowledged)

    def _on_publish(self, client: Client, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        with self._changed:
            self.acknowledged += 1
            self._changed.notify_all()


def publish(
    broker: Broker,
    messages: Iterable[tuple[str, bytes]],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Publish (topic, payload) pairs, wait until the broker has acknowledged all of them, and return their number.

    ``on_progress`` is called with the number acknowledged so far.

    Raises:
        TelemetryError: the broker cannot be reached, refuses the certificate, or stops acknowledging.
    """
    with Publisher(broker) as publisher:
        shown = time.monotonic()
        for topic, payload in messages:
            publisher.publish(topic, payload)
            if on_progress and time.monotonic() - shown > 0.1:
                shown = time.monotonic()
                on_progress(publisher.acknowledged)
        publisher.flush(on_progress)
    return publisher.sent
