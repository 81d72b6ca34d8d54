"""What an applied deployment's IAM roles may do, and how that compares with what they need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from terraform.tool import resources


@dataclass(frozen=True)
class Statement:
    """A statement of a policy that allows something."""

    actions: frozenset[str]
    resources: frozenset[str]
    conditions: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Statement:
        conditions = document.get("Condition", {})
        return cls(
            frozenset(_listed(document["Action"])),
            frozenset(_listed(document["Resource"])),
            tuple(sorted(key for test in conditions.values() for key in test)),
        )


@dataclass(frozen=True)
class Role:
    """A role: who may take it on, and what it may do then."""

    name: str
    trust: dict[str, Any]
    statements: tuple[Statement, ...]
    managed: frozenset[str]
    """Policies of AWS's own that are attached to it."""

    @property
    def actions(self) -> set[str]:
        return {action for statement in self.statements for action in statement.actions}

    def resources(self, action: str) -> set[str]:
        """What it may do ``action`` to."""
        allowed = [statement.resources for statement in self.statements if action in statement.actions]
        return set().union(*allowed)


def roles(state: Mapping[str, Any]) -> dict[str, Role]:
    """Every role of a state by its name, with what its own policies allow."""
    found = list(resources(state["values"]["root_module"]))
    policies = [one["values"] for one in found if one["type"] == "aws_iam_role_policy"]
    attached = [one["values"] for one in found if one["type"] == "aws_iam_role_policy_attachment"]
    made = [one["values"] for one in found if one["type"] == "aws_iam_role"]
    return {
        role["name"]: Role(
            role["name"],
            json.loads(role["assume_role_policy"]),
            tuple(_statements(one["policy"] for one in policies if one["role"] == role["name"])),
            frozenset(one["policy_arn"] for one in attached if one["role"] == role["name"]),
        )
        for role in made
    }


def _statements(documents: Iterable[str]) -> Iterator[Statement]:
    for document in documents:
        for statement in _listed(json.loads(document)["Statement"]):
            if statement["Effect"] == "Allow":
                yield Statement.read(statement)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def compare(role: Role, needed: Mapping[str, Iterable[str]]) -> list[str]:
    """What is wrong with a role that needs to do ``needed``: actions, with the resources that each is for."""
    wrong = [f"{role.name} may {action}, and nothing of it does" for action in sorted(role.actions - needed.keys())]
    wrong += [f"{role.name} does {action}, and may not" for action in sorted(needed.keys() - role.actions)]
    for action in sorted(role.actions & needed.keys()):
        may, must = role.resources(action), set(needed[action])
        wrong += [f"{role.name} may {action} {place}, and does it elsewhere" for place in sorted(may - must)]
        wrong += [f"{role.name} does {action} {place}, and may not" for place in sorted(must - may)]
    return wrong
