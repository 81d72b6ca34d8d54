"""A deployment on one machine: its emulator, names and clients, and the list of changes by provisioning."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from telemetry.config.deployment import Deployment
from telemetry.config.settings import Settings
from telemetry.contracts.model import Stream

REGION = "eu-west-1"
ACCOUNT = "000000000000"
ACCESS_KEY = "local"  # the emulator accepts any, and must never get a real one


@dataclass(frozen=True)
class LocalDeployment:
    """An emulator, and the settings and streams that it is provisioned from.

    Every change is reported to ``progress`` when it is made, and added to ``changes``, which stays empty if nothing had
    to be changed.
    """

    endpoint: str
    settings: Settings
    streams: Mapping[str, Stream]
    progress: Callable[[str], None] = lambda _: None
    changes: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """Return a client of the emulator, whatever credentials and endpoints are in the environment."""
        return _client(service, self.endpoint)

    def changed(self, what: str) -> None:
        """Record and report a change, such as ``queue NAME: created``."""
        self.changes.append(what)
        self.progress(what)

    @property
    def deployment(self) -> Deployment:
        """The names of this deployment, which follow from the settings."""
        prefix = self.settings.names.prefix
        return Deployment(
            raw_bucket=f"{prefix}-raw-lake",
            processed_bucket=f"{prefix}-processed",
            database_secret=self.settings.names.database_secret,
            state_machine_arn=self.arn("states", f"stateMachine:{self.settings.names.state_machine}"),
        )

    @property
    def artefact_bucket(self) -> str:
        """The name of the bucket for function zips and layers."""
        return f"{self.settings.names.prefix}-artefacts"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in the emulator's account and region."""
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"

    def role(self, purpose: str, service: str) -> str:
        """Return the ARN of the role that ``service`` assumes for ``purpose``; create the role if it is missing.

        It has no policy, because the emulator evaluates none. The policies for AWS are Terraform's.
        """
        iam, name = self.client("iam"), f"{self.settings.names.prefix}-{purpose}"
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        try:
            iam.get_role(RoleName=name)
        except iam.exceptions.NoSuchEntityException:
            document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
            self.changed(f"role {name}: created")
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"


@cache
def _client(service: str, endpoint: str) -> Any:
    import boto3
    from botocore.config import Config

    make: Any = boto3.session.Session().client
    return make(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
        config=Config(inject_host_prefix=False, connect_timeout=5, retries={"mode": "standard"}, proxies={}),
    )


def differs(found: Any, wanted: Any) -> bool:
    """Whether a value of ``wanted`` is missing or different in ``found``; other keys of ``found`` do not matter."""
    if isinstance(wanted, dict):
        return not isinstance(found, dict) or any(differs(found.get(key), value) for key, value in wanted.items())
    return bool(found != wanted)
