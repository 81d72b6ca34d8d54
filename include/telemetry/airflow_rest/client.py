"""A client of Airflow's REST API (v2): login, requests, and errors in plain words."""

from __future__ import annotations

import os
from typing import Any, Self

import httpx

from telemetry.errors import TelemetryError


class AirflowClient:
    """A client that is logged in.

    Every method raises ``TelemetryError`` when Airflow does not answer, refuses the login, or refuses what is asked;
    the message is Airflow's own where it gives one.
    """

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=60,
            transport=httpx.HTTPTransport(retries=3),
            trust_env=False,  # a proxy would not know 127.0.0.1
        )

    @classmethod
    def login(cls, url: str, user: str, password: str) -> Self:
        """Log in with a password, or with the token in ``TELEMETRY_AIRFLOW_TOKEN`` where there is one, as on MWAA."""
        if token := os.environ.get("TELEMETRY_AIRFLOW_TOKEN"):
            return cls(url, token)
        with cls(url) as unknown:
            document = unknown._ask("POST", "auth/token", json={"username": user, "password": password})
        return cls(url, document["access_token"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _find(self, path: str, **arguments: Any) -> Any:
        """Get a resource, or ``None`` if it does not exist."""
        answer = self._send("GET", path, **arguments)
        return None if answer.status_code == httpx.codes.NOT_FOUND else self._document(answer)

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        return self._document(self._send(method, path, **arguments))

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise TelemetryError(
                f"Airflow at {self.url} does not answer: {error}.",
                "See `telemetry status`; start it with `telemetry up`.",
            ) from error

    def _document(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise TelemetryError(f"Airflow at {self.url} denied access (HTTP {answer.status_code}).")
        raise TelemetryError(f"Airflow at {self.url} answered with HTTP {answer.status_code}: {_detail(answer)}")


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]
    if isinstance(detail, list):
        return "; ".join(str(fault.get("msg", fault)) for fault in detail)
    return str(detail).split("\n\n", 1)[0]  # what follows is the JSON schema
