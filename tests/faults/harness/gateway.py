"""Between a worker and the emulator: a proxy that throttles, fails, stalls, resets, cuts short and loses answers."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from faults.harness.worker import Fault

Handler = BaseHTTPRequestHandler
Behaviour = Callable[["_Handler", bytes], None]
LONGEST_SILENCE = 30.0


@dataclass
class Trouble:
    """``behaviour`` instead of an answer, for the next ``times`` calls of ``operation`` whose path holds ``of``."""

    operation: str
    behaviour: Behaviour
    times: int = 1
    of: str = ""
    met: int = 0


@dataclass
class Gateway:
    """A proxy on loopback in front of ``port``; without a trouble it only hands on."""

    port: int
    troubles: list[Trouble] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.gateway = self
        self._lock = threading.Lock()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def expect(self, operation: str, behaviour: Behaviour, *, times: int = 1, of: str = "") -> Trouble:
        """Arrange a trouble."""
        trouble = Trouble(operation, behaviour, times, of)
        self.troubles.append(trouble)
        return trouble

    def through(self, patience: float = 60) -> Fault:
        """The worker reaches AWS by this way, and waits ``patience`` seconds for an answer."""

        def arrange() -> None:
            import botocore.config

            os.environ["AWS_ENDPOINT_URL"] = self.url
            config: Any = botocore.config.Config
            botocore.config.Config = lambda **settings: config(**{**settings, "read_timeout": patience})

        return arrange

    def trouble_for(self, operation: str, path: str) -> Trouble | None:
        with self._lock:
            self.asked.append(operation)
            for trouble in self.troubles:
                if trouble.operation == operation and trouble.of in path and trouble.met < trouble.times:
                    trouble.met += 1
                    return trouble
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    gateway: Gateway


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):  # the worker was killed, or has lost its patience
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server: Any = self.server
        trouble = server.gateway.trouble_for(operation_of(self), self.path)
        if trouble:
            trouble.behaviour(self, body)
        else:
            self.answer(*self.ask(body))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - http.server's names

    def ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The emulator's answer."""
        server: Any = self.server
        upstream = http.client.HTTPConnection("127.0.0.1", server.gateway.port, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None) -> None:
        self.send_response_only(status)
        left_out = {"content-length", "transfer-encoding", "connection"}
        for name, value in headers:
            if name.lower() not in left_out or (self.command == "HEAD" and name.lower() == "content-length"):
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        """End the connection with a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def operation_of(request: Handler) -> str:
    """``s3.GetObject``, ``sqs.ReceiveMessage``…: S3 is known by its method, the others name their operation."""
    target = request.headers.get("X-Amz-Target", "")
    if target:
        service, operation = target.rsplit(".", 1)
        return f"{ {'AmazonSQS': 'sqs', 'AWSStepFunctions': 'stepfunctions'}.get(service, service) }.{operation}"
    if request.command == "GET":
        listing = "list-type" in parse_qs(urlsplit(request.path).query)
        return "s3.ListObjectsV2" if listing else "s3.GetObject"
    return f"s3.{request.command.title()}Object"


def error(status: int, code: str) -> Behaviour:
    """AWS answers with that error, in the protocol of the service."""

    def behave(request: _Handler, body: bytes) -> None:
        if request.headers.get("X-Amz-Target"):
            text, kind = json.dumps({"__type": code, "message": code}).encode(), "application/x-amz-json-1.0"
        else:
            text, kind = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode(), "application/xml"
        request.answer(status, [("Content-Type", kind)], text)

    return behave


def silence(request: _Handler, body: bytes) -> None:
    """No answer, until the client has lost its patience."""
    select.select([request.connection], [], [], LONGEST_SILENCE)
    request.cut()


def reset(request: _Handler, body: bytes) -> None:
    """The connection is reset before the request is acted on."""
    request.cut()


def lost_answer(request: _Handler, body: bytes) -> None:
    """The request is acted on, and the connection is reset before its answer."""
    request.ask(body)
    request.cut()


def partial(request: _Handler, body: bytes) -> None:
    """Half of the answer's body, then a reset."""
    status, headers, whole = request.ask(body)
    request.answer(status, headers, whole[: len(whole) // 2], length=len(whole))
    request.cut()


def short(request: _Handler, body: bytes) -> None:
    """Half of the answer's body, then an orderly end of the connection."""
    status, headers, whole = request.ask(body)
    request.answer(status, headers, whole[: len(whole) // 2], length=len(whole))
    request.close_connection = True


def refuses_deletes(request: _Handler, body: bytes) -> None:
    """SQS answers DeleteMessageBatch, and has deleted none of the messages."""
    entries = json.loads(body)["Entries"]
    failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in entries]
    answer = json.dumps({"Successful": [], "Failed": failed}).encode()
    request.answer(200, [("Content-Type", "application/x-amz-json-1.0")], answer)
