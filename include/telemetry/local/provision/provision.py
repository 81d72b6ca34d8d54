"""Provision the emulator from the files that Terraform reads, too: settings, contracts and the state machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from telemetry.local.host.state import State
from telemetry.local.provision.alarms import provision_alarms
from telemetry.local.provision.deployment import LocalDeployment
from telemetry.local.provision.device import provision_device
from telemetry.local.provision.functions import provision_functions
from telemetry.local.provision.ingest import provision_delivery_streams, provision_rules
from telemetry.local.provision.lake import provision_buckets, provision_secret
from telemetry.local.provision.queues import provision_queues, provision_topic
from telemetry.local.provision.workflow import provision_schedule, provision_state_machine
from telemetry.local.services.postgres import Login


def provision(
    local: LocalDeployment, state: State, warehouse: Login, layer: Callable[[], Path], python: str
) -> list[str]:
    """Make the emulator's resources match the files, and return the changes; the second time there are none.

    ``layer`` returns the dependency layer's file. It is called when all else is there, because the layer may still be
    being built. ``python`` is the version that functions run on. Resources of a stream without a contract are left
    alone.
    """
    provision_buckets(local)
    provision_secret(local, warehouse)
    provision_queues(local)
    provision_topic(local)
    provision_alarms(local)
    provision_delivery_streams(local)
    provision_rules(local)
    provision_device(local, state)
    provision_state_machine(local)
    provision_functions(local, layer(), python)
    provision_schedule(local)
    return local.changes
