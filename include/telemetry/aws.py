"""boto3 clients, made in one way everywhere."""

from __future__ import annotations

import os
from typing import Any


def client(service: str, **overrides: Any) -> Any:
    """A boto3 client with bounded waits and retries that back off; ``overrides`` are botocore ``Config`` settings.

    Endpoint, region and credentials come from the environment, as boto3 reads them: ``AWS_ENDPOINT_URL`` points at the
    emulator on one machine and is unset on AWS.
    """
    import boto3
    from botocore.config import Config

    settings: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": 60,
        "retries": {"mode": "standard", "max_attempts": 5},
        **overrides,
    }
    if os.environ.get("AWS_ENDPOINT_URL"):
        settings["inject_host_prefix"] = False  # the emulator has one address, not one a service
    make: Any = boto3.session.Session().client
    return make(service, config=Config(**settings))
