"""Terraform's whole system, applied to an emulator: the proof that it works is that messages come through it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulated import REGION, Emulator
from telemetry.local.services.postgres import Login
from telemetry.packaging.contract_record import RECORD
from telemetry.packaging.layer import Target
from telemetry.packaging.mwaa import AIRFLOW
from telemetry.packaging.package import write_package
from terraform.described import Settings, describe
from terraform.devices import DeviceKey
from terraform.gaps import bridge
from terraform.inventory import inventory
from terraform.tool import Terraform, resources

BUFFER = "buffer_seconds: 60"
SHORT_BUFFER = "buffer_seconds: 1"
SECRET = "telemetry/warehouse"
GATEWAY = "telemetry-gateway"
GATEWAY_POLICY = "iot-gateway"
"""The policy of the gateway, which on one machine has the gateway's own name."""
LISTENER_POLICY = "iot-listener"
"""The policy of the gateway that listens, which has the gateway's name in it."""
AT_ONCE = "-parallelism=40"


@dataclass
class Applied:
    """What was applied, and what there was right afterwards: later tests change it, up to destroying it."""

    emulator: Emulator
    terraform: Terraform
    gateway: DeviceKey
    before: set[str]
    state: dict[str, Any] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    seconds: float = 0

    @classmethod
    def new(cls, emulator: Emulator, folder: Path, database: Login, python: str) -> Applied:
        """Apply all that the emulator can take, with artefacts for this machine and the tests' own database."""
        secret = _put_secret(emulator, database)
        terraform = Terraform.copy(folder, {"AWS_ENDPOINT_URL": emulator.url})
        bridge(terraform.root)
        terraform.initialise()
        shorten_buffer(folder / "include" / "settings.yaml")
        record = folder / RECORD.name
        write_package(folder / "dist", airflow=AIRFLOW, target=Target(python), record=record, tell=lambda _: None)
        terraform.check_streams(folder / "dist")  # the buffer is the copy's own
        made = cls(emulator, terraform, DeviceKey.new(GATEWAY), inventory(emulator.client))
        made._apply(secret)
        return made

    def _apply(self, secret: str) -> None:
        variables = {
            "region": REGION,
            "composition": "production",
            "keep_data": False,
            "create_warehouse": False,
            "database_secret_arn": secret,
            "gateways": {self.gateway.name: {"csr": self.gateway.signing_request(), "listens_to": ["*"]}},
            "things": {"device-1": {"csr": DeviceKey.new("device-1").signing_request()}},
            "alarm_emails": ["telemetry@example.com"],
            "monthly_budget_usd": 100,
            "github": {"repository": "acme/telemetry"},
            "operator_cidrs": ["10.8.0.0/24"],
        }
        (self.terraform.root / "emulator.auto.tfvars.json").write_text(json.dumps(variables))
        began = time.monotonic()
        self.terraform.must("apply", "-auto-approve", AT_ONCE)
        self.seconds = time.monotonic() - began
        self.state = self.terraform.show()
        self.settings = describe(self.emulator.client, self.names())

    def output(self, name: str) -> Any:
        """An output of the root module, sensitive or not."""
        return self.state["values"]["outputs"][name]["value"]

    def names(self) -> dict[str, str]:
        """Words for names that are this deployment's own."""
        return {
            self.emulator.url: "http://emulator",
            GATEWAY: GATEWAY_POLICY,
            f"iot-listener-{GATEWAY}": LISTENER_POLICY,
            self.key(): "<key>",
            **{self.output(f"{bucket}_bucket"): f"<{bucket}>" for bucket in ("raw", "processed", "artefact")},
        }

    def key(self) -> str:
        """The ARN of the KMS key."""
        found = resources(self.state["values"]["root_module"])
        return next(str(one["values"]["arn"]) for one in found if one["type"] == "aws_kms_key")

    def deployment_environment(self) -> Mapping[str, str]:
        """What ``telemetry`` needs to work on it."""
        environment: dict[str, str] = self.output("environment")
        return environment


def shorten_buffer(settings: Path) -> None:
    """Firehose is not waited for."""
    text = settings.read_text()
    assert BUFFER in text
    settings.write_text(text.replace(BUFFER, SHORT_BUFFER))


def _put_secret(emulator: Emulator, database: Login) -> str:
    login = json.dumps(database.secret())
    made = emulator.client("secretsmanager").create_secret(Name=SECRET, SecretString=login)
    return str(made["ARN"])
