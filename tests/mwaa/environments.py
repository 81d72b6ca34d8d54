"""The two calls of MWAA's API that a deployment makes, over HTTP, for a real client: the emulator's take no plugins."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UPDATING = ["UPDATING", "UPDATING"]


class Environments:
    """MWAA with one environment, which goes through ``statuses``, one a look at it, and then is what it became."""

    def __init__(self, url: str, **environment: Any) -> None:
        self.url = url
        self.environment: dict[str, Any] = {
            "Status": "AVAILABLE",
            "LastUpdate": {"Status": "SUCCESS", "CreatedAt": 0},
            **environment,
        }
        self.statuses: list[str] = []
        self.update_statuses = UPDATING
        self.updates: list[dict[str, Any]] = []
        self.error: dict[str, str] | None = None
        """Why the next update fails, if it does."""

    def get(self) -> dict[str, Any]:
        if self.statuses:
            return {**self.environment, "Status": self.statuses.pop(0)}
        return self.environment

    def update(self, fields: dict[str, Any]) -> None:
        self.updates.append(fields)
        self.statuses = list(self.update_statuses)
        last: dict[str, Any] = {"Status": "FAILED", "Error": self.error} if self.error else {"Status": "SUCCESS"}
        self.environment["LastUpdate"] = last | {"CreatedAt": len(self.updates)}
        if not self.error:
            self.environment |= fields


@contextmanager
def serve(**environment: Any) -> Iterator[Environments]:
    """MWAA on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != f"/environments/{mwaa.environment['Name']}":
                self.answer(404, {"message": "No such environment"}, "ResourceNotFoundException")
            else:
                self.answer(200, {"Environment": mwaa.get()})

        def do_PATCH(self) -> None:
            mwaa.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(200, {"Arn": "arn:aws:airflow:::environment"})

        def answer(self, code: int, document: Any, error: str = "") -> None:
            body = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mwaa = Environments(f"http://127.0.0.1:{server.server_port}", **environment)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield mwaa
    finally:
        server.shutdown()
        server.server_close()
