"""Provisioning the emulator from the files that Terraform reads too: settings, contracts and the state machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from telemetry.local.host.state import State
from telemetry.local.provision.alarms import provision_alarms
from telemetry.local.provision.device import provision_device
from telemetry.local.provision.functions import provision_functions
from telemetry.local.provision.ingest import provision_delivery_streams, provision_rules
from telemetry.local.provision.lake import provision_buckets, provision_secret
from telemetry.local.provision.queues import provision_queues, provision_topic
from telemetry.local.provision.site import Site
from telemetry.local.provision.workflow import provision_schedule, provision_state_machine
from telemetry.local.services.postgres import Login


def provision(site: Site, state: State, warehouse: Login, layer: Callable[[], Path], python: str) -> list[str]:
    """Bring the emulator to what the files say, and return what was changed: nothing, the second time.

    ``layer`` is asked for the dependency layer's file when all else is there: it may still be in the making. ``python``
    is the version that functions run on. What belongs to a stream whose contract is gone is left alone.
    """
    provision_buckets(site)
    provision_secret(site, warehouse)
    provision_queues(site)
    provision_topic(site)
    provision_alarms(site)
    provision_delivery_streams(site)
    provision_rules(site)
    provision_device(site, state)
    provision_state_machine(site)
    provision_functions(site, layer(), python)
    provision_schedule(site)
    return site.changes
