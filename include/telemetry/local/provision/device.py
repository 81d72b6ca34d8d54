"""The gateway device as which this machine publishes: its thing, its certificate and its policy."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.devices.mqtt import CLIENT_ID_PREFIX
from telemetry.local.host.state import State, write_private
from telemetry.local.provision.deployment import LocalDeployment

THING = "telemetry-gateway"
VERSIONS = 5
"""How many versions of a policy AWS IoT keeps."""


@dataclass(frozen=True)
class Certificates:
    """The files with which the gateway connects: the certificate authority of the broker, certificate and key."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def of(cls, state: State) -> Certificates:
        """Return the paths of the files in the state folder."""
        return cls(*(state.path("certificates", name) for name in ("authority.pem", "gateway.pem", "gateway.key")))


def provision_device(local: LocalDeployment, state: State) -> None:
    """Create the thing, its policy and an active certificate, with files in the state folder for its owner only."""
    iot = local.client("iot")
    if THING not in {thing["thingName"] for thing in iot.list_things()["things"]}:
        iot.create_thing(thingName=THING)
        local.changed(f"thing {THING}: created")
    _provision_policy(local, iot)
    files = Certificates.of(state)
    _refresh_authority(local, files.authority)
    if not _is_known(iot, state, files):
        _create_certificate(local, iot, state, files)


def _provision_policy(local: LocalDeployment, iot: Any) -> None:
    wanted = json.dumps(_policy(local))
    try:
        found = iot.get_policy(policyName=THING)["policyDocument"]
    except iot.exceptions.ResourceNotFoundException:
        iot.create_policy(policyName=THING, policyDocument=wanted)
        local.changed(f"policy {THING}: created")
        return
    if json.loads(found) != json.loads(wanted):
        versions = iot.list_policy_versions(policyName=THING)["policyVersions"]
        spare = [version["versionId"] for version in versions if not version["isDefaultVersion"]]
        if len(versions) >= VERSIONS:
            iot.delete_policy_version(policyName=THING, policyVersionId=min(spare, key=int))
        iot.create_policy_version(policyName=THING, policyDocument=wanted, setAsDefault=True)
        local.changed(f"policy {THING}: changed")


def _policy(local: LocalDeployment) -> dict[str, Any]:
    """Allow connecting with the gateway's client ids, and publishing on the topics of all devices."""
    topics = [local.arn("iot", f"topic/{stream.topic_of('*')}") for stream in local.streams.values()]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": local.arn("iot", f"client/{CLIENT_ID_PREFIX}*")},
            {"Effect": "Allow", "Action": "iot:Publish", "Resource": topics},
        ],
    }


def _refresh_authority(local: LocalDeployment, path: Path) -> None:
    """Save the emulator's certificate authority. It has a new one after it has lost its state."""
    with urllib.request.urlopen(f"{local.endpoint}/_ministack/iot/ca.pem", timeout=10) as answer:  # noqa: S310 - loopback
        authority = answer.read().decode()
    if not path.exists() or path.read_text() != authority:
        write_private(path, authority)
        local.changed("certificate authority: written")


def _is_known(iot: Any, state: State, files: Certificates) -> bool:
    """Whether the emulator accepts the certificate in the state folder, and the policy is attached to it."""
    known = state.read("device").get("certificate")
    if not known or not (files.certificate.exists() and files.key.exists()):
        return False
    try:
        certificate = iot.describe_certificate(certificateId=known)["certificateDescription"]
    except iot.exceptions.ResourceNotFoundException:
        return False
    policies = iot.list_attached_policies(target=certificate["certificateArn"])["policies"]
    things = iot.list_thing_principals(thingName=THING)["principals"]
    return (
        certificate["status"] == "ACTIVE"
        and certificate["certificatePem"] == files.certificate.read_text()
        and any(policy["policyName"] == THING for policy in policies)
        and certificate["certificateArn"] in things
    )


def _create_certificate(local: LocalDeployment, iot: Any, state: State, files: Certificates) -> None:
    created = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_policy(policyName=THING, target=created["certificateArn"])
    iot.attach_thing_principal(thingName=THING, principal=created["certificateArn"])
    write_private(files.certificate, created["certificatePem"])
    write_private(files.key, created["keyPair"]["PrivateKey"])
    state.write("device", {"certificate": created["certificateId"]})
    local.changed(f"certificate of {THING}: created")
