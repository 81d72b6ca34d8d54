"""What all parts of provisioning share: the emulator's address, names, clients, and the record of what was changed."""

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
ACCESS_KEY = "local"  # the emulator takes any, and no real one may reach it


@dataclass(frozen=True)
class LocalDeployment:
    """One emulator to provision, and what it is to hold.

    Every change is told to ``progress`` as it happens, and kept in ``changes``, which stays empty where there was
    nothing to do.
    """

    endpoint: str
    settings: Settings
    streams: Mapping[str, Stream]
    progress: Callable[[str], None] = lambda _: None
    changes: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A client of the emulator, whatever credentials and endpoints the environment names."""
        return _client(service, self.endpoint)

    def changed(self, what: str) -> None:
        """Record a change, in words such as ``queue NAME: created``."""
        self.changes.append(what)
        self.progress(what)

    @property
    def deployment(self) -> Deployment:
        """The names that follow from the settings on one machine."""
        prefix = self.settings.names.prefix
        return Deployment(
            raw_bucket=f"{prefix}-raw-lake",
            processed_bucket=f"{prefix}-processed",
            database_secret=self.settings.names.database_secret,
            state_machine_arn=self.arn("states", f"stateMachine:{self.settings.names.state_machine}"),
        )

    @property
    def artefact_bucket(self) -> str:
        """Where function zips and layers lie."""
        return f"{self.settings.names.prefix}-artefacts"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"

    def role(self, purpose: str, service: str) -> str:
        """The ARN of the role that ``service`` takes on for ``purpose``, created where it is missing.

        It has no policy: the emulator evaluates none. The policies that count are Terraform's.
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
    """Whether ``found`` is another in anything that ``wanted`` names; what only ``found`` names does not matter."""
    if isinstance(wanted, dict):
        return not isinstance(found, dict) or any(differs(found.get(key), value) for key, value in wanted.items())
    return bool(found != wanted)
