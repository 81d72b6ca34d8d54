"""The state machine, and the schedule on which the simulator publishes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from telemetry.local.provision.functions import function_names
from telemetry.local.provision.site import Site, differs
from telemetry.paths import STATE_MACHINE

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def definition(values: Mapping[str, str]) -> str:
    """The state machine's definition, its placeholders ``${Name}`` filled as Terraform's ``templatefile`` fills them.

    Raises:
        KeyError: ``values`` lacks a placeholder.
    """
    return _PLACEHOLDER.sub(lambda found: values[found[1]], STATE_MACHINE.read_text())


def provision_state_machine(site: Site) -> None:
    """``telemetry_etl`` over this site's functions."""
    machines, arn = site.client("stepfunctions"), site.deployment.state_machine_arn
    values = {f"{name}Arn": site.arn("lambda", f"function:{name}") for name in function_names(site)}
    values["AlarmTopicArn"] = site.arn("sns", site.settings.names.alarm_topic)
    wanted = {"definition": definition(values), "roleArn": site.role("state-machine", "states.amazonaws.com")}
    name = arn.rsplit(":", 1)[1]
    try:
        found = machines.describe_state_machine(stateMachineArn=arn)
    except machines.exceptions.StateMachineDoesNotExist:
        machines.create_state_machine(name=name, type="STANDARD", **wanted)
        site.changed(f"state machine {name}: created")
        return
    if differs(found, wanted):
        machines.update_state_machine(stateMachineArn=arn, **wanted)
        site.changed(f"state machine {name}: changed")


def provision_schedule(site: Site) -> None:
    """The EventBridge rule that calls the simulator, where the settings have it enabled."""
    events, simulator = site.client("events"), site.settings.simulator
    name = site.settings.names.schedule
    function = site.settings.functions.device_simulator.name
    wanted = {
        "ScheduleExpression": simulator.schedule,
        "State": "ENABLED" if simulator.enabled else "DISABLED",
    }
    try:
        found = events.describe_rule(Name=name)
    except events.exceptions.ResourceNotFoundException:
        found = {}
    if differs(found, wanted):
        events.put_rule(Name=name, **wanted)
        site.changed(f"schedule {name}: {'changed' if found else 'created'}")
    target = {"Id": "simulator", "Arn": site.arn("lambda", f"function:{function}")}
    if not found or events.list_targets_by_rule(Rule=name)["Targets"] != [target]:
        events.put_targets(Rule=name, Targets=[target])
        _permit(site, function, name)
        site.changed(f"schedule {name}: calls {function}")


def _permit(site: Site, function: str, rule: str) -> None:
    """Let the schedule, and no other rule, call the function."""
    functions = site.client("lambda")
    try:
        statements = json.loads(functions.get_policy(FunctionName=function)["Policy"])["Statement"]
    except functions.exceptions.ResourceNotFoundException:
        statements = []
    if not any(statement.get("Sid") == rule for statement in statements):
        functions.add_permission(
            FunctionName=function,
            StatementId=rule,
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=site.arn("events", f"rule/{rule}"),
        )
