"""boto3 clients, all with the same retries and timeouts."""

from __future__ import annotations

import os
from functools import cache
from threading import Lock
from typing import Any

_MAKING = Lock()
"""A session makes one client at a time (boto3 guide, "Multithreading or multiprocessing with clients")."""


def client(service: str, **overrides: Any) -> Any:
    """A boto3 client with bounded waits and retries that back off; ``overrides`` are botocore ``Config`` settings.

    Endpoint, region and credentials come from the environment, as boto3 reads them: ``AWS_ENDPOINT_URL`` points at the
    emulator on one machine and is unset on AWS.
    """
    from botocore.config import Config

    settings: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": 60,
        "retries": {"mode": "standard", "max_attempts": 5},
        **overrides,
    }
    if os.environ.get("AWS_ENDPOINT_URL"):
        settings["inject_host_prefix"] = False  # the emulator has one address, not one a service
    with _MAKING:
        make: Any = _session().client
        return make(service, config=Config(**settings))


@cache
def _session() -> Any:
    """One for the process: it has read the services' descriptions, which takes ten times as long as a client."""
    import boto3

    return boto3.session.Session()
