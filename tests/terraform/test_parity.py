"""One machine and AWS: what is provisioned on one, and what Terraform applies, differ by a named list only."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from emulated import Emulator
from telemetry.config.settings import load_settings
from telemetry.contracts.loader import load_streams
from telemetry.local.host.state import State
from telemetry.local.provision.deployment import LocalDeployment
from telemetry.local.provision.device import LISTENER, THING
from telemetry.local.provision.provision import provision
from telemetry.local.services.postgres import Login
from telemetry.packaging.layer import Target, layer_zip
from telemetry.paths import SETTINGS
from terraform.applied import GATEWAY_POLICY, LISTENER_POLICY, Applied, shorten_buffer
from terraform.described import Settings, describe
from terraform.differences import DIFFERENCES, Difference, unexplained

COMPARED = {
    "alarm",
    "bucket",
    "delivery-stream",
    "function",
    "layer",
    "log-group",
    "policy",
    "queue",
    "rule",
    "schedule",
    "state-machine",
    "thing",
    "topic",
}


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory: pytest.TempPathFactory, python: str) -> Settings:
    """What one machine has."""
    folder = tmp_path_factory.mktemp("provisioned")
    shutil.copy(SETTINGS, folder)
    shorten_buffer(folder / SETTINGS.name)
    with Emulator(folder / "emulator") as emulator:
        local = LocalDeployment(emulator.url, load_settings(folder / SETTINGS.name), load_streams())
        warehouse = Login("127.0.0.1", 1, "telemetry", "telemetry", "not-a-secret")
        provision(local, State(folder / "state"), warehouse, lambda: layer_zip(Target(python)), python)
        names = {
            emulator.url: "http://emulator",
            local.deployment.raw_bucket: "<raw>",
            local.deployment.processed_bucket: "<processed>",
            local.artefact_bucket: "<artefact>",
            THING: GATEWAY_POLICY,
            LISTENER: LISTENER_POLICY,
        }
        return describe(local.client, names)


def test_everything_is_compared(provisioned: Settings, applied: Applied) -> None:
    for settings in (provisioned, applied.settings):
        assert {path.partition("/")[0] for path in settings} == COMPARED


def test_emulator_and_terraform_differ_only_as_listed(provisioned: Settings, applied: Applied) -> None:
    wrong = unexplained(provisioned, applied.settings, DIFFERENCES)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("queue/iot-telemetry-etl-data-queue/VisibilityTimeout", lambda value: "30"),
        ("bucket/<raw>/versioning/Status", lambda value: "Suspended"),
        ("function/DataLoadingFunction/MemorySize", lambda value: value + 1),
        ("layer/telemetry-dependencies/CodeSha256", lambda value: "another"),
        ("state-machine/telemetry_etl/definition/TimeoutSeconds", lambda value: value + 1),
        ("rule/iot_telemetry/sql", lambda value: f"{value} WHERE true"),
        ("topic/iot-telemetry-alarms/KmsMasterKeyId", lambda value: "alias/aws/sns"),
    ],
)
def test_a_changed_setting_fails_the_comparison(
    provisioned: Settings, applied: Applied, path: str, change: Callable[[object], object]
) -> None:
    changed = applied.settings | {path: change(applied.settings[path])}
    wrong = unexplained(provisioned, changed, DIFFERENCES)
    assert [line for line in wrong if line.startswith(f"{path}: ")]


def test_a_listed_difference_that_does_not_exist_fails() -> None:
    named = Difference("queue/*/DelaySeconds", "0", "1", "it was so once")
    assert unexplained({}, {}, [named]) == ["queue/*/DelaySeconds: differs no more"]
