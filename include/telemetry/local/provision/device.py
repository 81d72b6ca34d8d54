"""The gateway device as which this machine publishes and listens: its thing, its certificate and its policies."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.devices.mqtt import CLIENT_ID_PREFIX
from telemetry.local.host.state import State, write_private
from telemetry.local.provision.deployment import LocalDeployment

THING = "telemetry-gateway"
LISTENER = f"{THING}-listener"
"""The policy of a gateway that listens, too; AWS's gateways have one if their ``listens_to`` says so."""
VERSIONS = 5
"""How many versions of a policy AWS IoT keeps."""


WILDCARD = re.compile(r"[+#]")
"""Of a topic filter; in a policy * stands for any characters (developer guide, "Publish/Subscribe policy examples")."""


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
    """Thing, policies and an active certificate, whose files are in the state folder, for the owner's eyes."""
    iot = local.client("iot")
    if THING not in {thing["thingName"] for thing in iot.list_things()["things"]}:
        iot.create_thing(thingName=THING)
        local.changed(f"thing {THING}: created")
    policies = {THING: _publisher(local), LISTENER: _listener(local)}
    for name, statements in policies.items():
        _provision_policy(local, iot, name, {"Version": "2012-10-17", "Statement": statements})
    files = Certificates.of(state)
    _refresh_authority(local, files.authority)
    if not _is_known(iot, state, files):
        _create_certificate(local, iot, state, files)
    _attach_policies(local, iot, state.read("device")["certificate"], policies)


def _provision_policy(local: LocalDeployment, iot: Any, name: str, document: dict[str, Any]) -> None:
    wanted = json.dumps(document)
    try:
        found = iot.get_policy(policyName=name)["policyDocument"]
    except iot.exceptions.ResourceNotFoundException:
        iot.create_policy(policyName=name, policyDocument=wanted)
        local.changed(f"policy {name}: created")
        return
    if json.loads(found) != document:
        versions = iot.list_policy_versions(policyName=name)["policyVersions"]
        spare = [version["versionId"] for version in versions if not version["isDefaultVersion"]]
        if len(versions) >= VERSIONS:
            iot.delete_policy_version(policyName=name, policyVersionId=min(spare, key=int))
        iot.create_policy_version(policyName=name, policyDocument=wanted, setAsDefault=True)
        local.changed(f"policy {name}: changed")


def _publisher(local: LocalDeployment) -> list[dict[str, Any]]:
    """Connect under the gateway's client ids, and publish on the streams' topics: a gateway speaks for many devices."""
    topics = [local.arn("iot", f"topic/{WILDCARD.sub('*', stream.topic)}") for stream in local.streams.values()]
    return [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": local.arn("iot", f"client/{CLIENT_ID_PREFIX}*")},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": topics},
    ]


def _listener(local: LocalDeployment) -> list[dict[str, Any]]:
    """Listen on any topic: this machine's devices are its owner's, who makes streams of what they say."""
    return [
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": [local.arn("iot", "topicfilter/*")]},
        {"Effect": "Allow", "Action": "iot:Receive", "Resource": [local.arn("iot", "topic/*")]},
    ]


def _refresh_authority(local: LocalDeployment, path: Path) -> None:
    """Save the emulator's certificate authority. It has a new one after it has lost its state."""
    with urllib.request.urlopen(f"{local.endpoint}/_ministack/iot/ca.pem", timeout=10) as answer:  # noqa: S310 - loopback
        authority = answer.read().decode()
    if not path.exists() or path.read_text() != authority:
        write_private(path, authority)
        local.changed("certificate authority: written")


def _is_known(iot: Any, state: State, files: Certificates) -> bool:
    """Whether the emulator accepts the certificate in the state folder, and it is the thing's."""
    known = state.read("device").get("certificate")
    if not known or not (files.certificate.exists() and files.key.exists()):
        return False
    try:
        certificate = iot.describe_certificate(certificateId=known)["certificateDescription"]
    except iot.exceptions.ResourceNotFoundException:
        return False
    things = iot.list_thing_principals(thingName=THING)["principals"]
    return (
        certificate["status"] == "ACTIVE"
        and certificate["certificatePem"] == files.certificate.read_text()
        and certificate["certificateArn"] in things
    )


def _create_certificate(local: LocalDeployment, iot: Any, state: State, files: Certificates) -> None:
    created = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_thing_principal(thingName=THING, principal=created["certificateArn"])
    write_private(files.certificate, created["certificatePem"])
    write_private(files.key, created["keyPair"]["PrivateKey"])
    state.write("device", {"certificate": created["certificateId"]})
    local.changed(f"certificate of {THING}: created")


def _attach_policies(local: LocalDeployment, iot: Any, certificate: str, policies: Iterable[str]) -> None:
    target = iot.describe_certificate(certificateId=certificate)["certificateDescription"]["certificateArn"]
    attached = {policy["policyName"] for policy in iot.list_attached_policies(target=target)["policies"]}
    for name in policies:
        if name not in attached:
            iot.attach_policy(policyName=name, target=target)
            local.changed(f"policy {name}: attached")
