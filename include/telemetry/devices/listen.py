"""Listen to what devices publish over MQTT."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage

from telemetry.devices.mqtt import CONNECT_SECONDS, QOS_AT_LEAST_ONCE, Broker, Connection
from telemetry.errors import TelemetryError


class Heard(NamedTuple):
    """A message, and when it came."""

    topic: str
    payload: bytes
    received_at: datetime


class Listener(Connection):
    """A connection that takes the messages whose topics a filter takes. Those retained from before count, too."""

    def __init__(self, broker: Broker, topic_filter: str) -> None:
        super().__init__(broker)
        self.heard: list[Heard] = []
        self._filter = topic_filter
        self._granted: bool | None = None
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe

    def wait(self, seconds: float, most: int) -> list[Heard]:
        """Return messages until the seconds are over, or ``most`` messages have come.

        Raises:
            TelemetryError: the broker refuses the subscription, or does not answer it.
        """
        with self._changed:
            # In MQTT 3.1.1 AWS IoT refuses a subscription by closing the connection.
            self._changed.wait_for(lambda: self._granted is not None or not self._connected, CONNECT_SECONDS)
            if not self._granted:
                raise TelemetryError(
                    f"The MQTT broker at {self._broker} does not grant a subscription to {self._filter}.",
                    "The certificate's policy has to allow iot:Subscribe and iot:Receive on it.",
                )
            self._changed.wait_for(lambda: len(self.heard) >= most, seconds)
            return self.heard[:most]

    # paho calls these in its own thread.

    def _on_connect(self, client: Client, userdata: Any, flags: Any, reason_code: Any, properties: Any) -> None:
        if not reason_code.is_failure:
            client.subscribe(self._filter, QOS_AT_LEAST_ONCE)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_subscribe(self, client: Client, userdata: Any, mid: int, reason_codes: Any, properties: Any) -> None:
        with self._changed:
            self._granted = not any(code.is_failure for code in reason_codes)
            self._changed.notify_all()

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        with self._changed:
            self.heard.append(Heard(message.topic, bytes(message.payload), datetime.now(UTC)))
            self._changed.notify_all()


def listen(broker: Broker, topic_filter: str, seconds: float, most: int) -> list[Heard]:
    """Return what devices publish on the filter's topics within ``seconds``, at most ``most`` messages.

    Raises:
        TelemetryError: the broker cannot be reached, refuses the certificate, or does not grant the subscription.
    """
    with Listener(broker, topic_filter) as listener:
        return listener.wait(seconds, most)
