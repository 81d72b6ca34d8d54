"""Messages that are published to an emulator, and all that says what became of them."""

from __future__ import annotations

import base64
import http.client
import json
import threading

from emulated import ROLE, Emulator, until

SELECT = "SELECT newuuid() AS message_id, topic() AS topic, timestamp() AS received_at, encode(*, 'base64') AS payload"
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/iotdata/aws4_request, SignedHeaders=host, Signature=0"


class Publisher:
    """Publishes numbers over HTTP, each until it is acknowledged."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acknowledged = 0

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._emulator.port, timeout=60)
        while not self._stop.is_set():
            try:
                body = b"http %d" % self.acknowledged
                connection.request("POST", "/topics/kept%2Fhttp?qos=1", body, {"Authorization": SIGNED})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
            else:
                self.acknowledged += answer.status == 200

    def publish_more(self, number: int) -> None:
        goal = self.acknowledged + number
        until(lambda: self.acknowledged >= goal, "acknowledgements")

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)


class Lane:
    """The pipeline's rule, and all that says what became of a message."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.bucket, self._queue = emulator.bucket(), emulator.queue()
        self.stream = emulator.delivery_stream(self.bucket, seconds=1)
        self.rule = emulator.rule(
            "kept/+",
            [
                {"firehose": {"deliveryStreamName": self.stream, "separator": "\n", "roleArn": ROLE}},
                {"sqs": {"queueUrl": self._queue, "roleArn": ROLE}},
            ],
            sql=f"{SELECT} FROM 'kept/+'",
        )

    def published(self) -> float:
        return self._emulator.metric("AWS/IoT", "TopicMatch", RuleName=self.rule)

    def of_firehose(self, name: str) -> float:
        return self._emulator.metric("AWS/Firehose", name, DeliveryStreamName=self.stream)

    def lake(self) -> list[str]:
        """Every line of every object, once nothing is on its way any more."""
        until(lambda: self.of_firehose("IncomingRecords") == self.of_firehose("DeliveryToS3.Records"), "all objects")
        keys = self._emulator.keys(self.bucket)
        return [line for key in keys for line in self._emulator.content(self.bucket, key).decode().splitlines()]

    def queue(self) -> list[str]:
        return self._emulator.messages(self._queue)

    def check(self, acknowledged: set[bytes]) -> None:
        """Published, in the lake and in the queue are the same messages; all that were acknowledged are among them."""
        lake, queue = self.lake(), self.queue()
        assert sorted(lake) == sorted(queue)
        envelopes = [json.loads(line) for line in lake]
        assert len({envelope["message_id"] for envelope in envelopes}) == len(envelopes) == self.published()
        payloads = {base64.b64decode(envelope["payload"]) for envelope in envelopes}
        assert acknowledged <= payloads
