"""The state machine, and the schedule on which the simulator publishes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from telemetry.local.provision.deployment import LocalDeployment, differs
from telemetry.local.provision.functions import function_names
from telemetry.paths import STATE_MACHINE

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def definition(values: Mapping[str, str]) -> str:
    """Return the state machine's definition, with ``${Name}`` filled in as by Terraform's ``templatefile``.

    Raises:
        KeyError: ``values`` lacks a placeholder.
    """
    return _PLACEHOLDER.sub(lambda found: values[found[1]], STATE_MACHINE.read_text())


def provision_state_machine(local: LocalDeployment) -> None:
    """Create or update the state machine of the ETL."""
    machines, arn = local.client("stepfunctions"), local.deployment.state_machine_arn
    values = {f"{name}Arn": local.arn("lambda", f"function:{name}") for name in function_names(local)}
    values["AlarmTopicArn"] = local.arn("sns", local.settings.names.alarm_topic)
    wanted = {"definition": definition(values), "roleArn": local.role("state-machine", "states.amazonaws.com")}
    name = arn.rsplit(":", 1)[1]
    try:
        found = machines.describe_state_machine(stateMachineArn=arn)
    except machines.exceptions.StateMachineDoesNotExist:
        machines.create_state_machine(name=name, type="STANDARD", **wanted)
        local.changed(f"state machine {name}: created")
        return
    if differs(found, wanted):
        machines.update_state_machine(stateMachineArn=arn, **wanted)
        local.changed(f"state machine {name}: changed")


def provision_schedule(local: LocalDeployment) -> None:
    """Create or update the EventBridge rule that calls the simulator; the settings enable or disable it."""
    events, simulator = local.client("events"), local.settings.simulator
    name = local.settings.names.schedule
    function = local.settings.functions.device_simulator.name
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
        local.changed(f"schedule {name}: {'changed' if found else 'created'}")
    target = {"Id": "simulator", "Arn": local.arn("lambda", f"function:{function}")}
    if not found or events.list_targets_by_rule(Rule=name)["Targets"] != [target]:
        events.put_targets(Rule=name, Targets=[target])
        _permit(local, function, name)
        local.changed(f"schedule {name}: calls {function}")


def _permit(local: LocalDeployment, function: str, rule: str) -> None:
    """Allow the schedule, and no other rule, to call the function."""
    functions = local.client("lambda")
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
            SourceArn=local.arn("events", f"rule/{rule}"),
        )
