"""The IAM actions that code needs, derived from its AWS calls.

A service counts as used where reached code makes a client of it (``client("s3")``), an operation where its method
stands behind a dot in reached code (``s3.put_object``), and where a paginator or a waiter is made for it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from emulated import PROJECT
from terraform.call_graph import TOP, Code, Definition, Module, Program, literal_strings

INCLUDE = PROJECT / "include"
PROGRAM = Program(INCLUDE)
MAKERS = ("client", "_client")
"""Functions that make a client, of the service that their first argument names: the project's, and boto3's."""
AIRFLOW_CALLS = ("execute", "run", "serialize")
"""Methods of operators and triggers that Airflow calls."""

# Service Authorization Reference, "Actions, resources, and condition keys", where action and operation differ.
IAM_SERVICES = {
    "iot-data": "iot",
    "stepfunctions": "states",
}
IAM_ACTIONS = {
    ("s3", "ListObjectsV2"): {"s3:ListBucket"},
    ("s3", "ListObjects"): {"s3:ListBucket"},
    ("s3", "HeadBucket"): {"s3:ListBucket"},
    ("s3", "HeadObject"): {"s3:GetObject"},
    ("s3", "CopyObject"): {"s3:GetObject", "s3:PutObject"},
    ("s3", "DeleteObjects"): {"s3:DeleteObject"},
    ("s3", "CreateMultipartUpload"): {"s3:PutObject"},
    ("s3", "UploadPart"): {"s3:PutObject"},
    ("s3", "CompleteMultipartUpload"): {"s3:PutObject"},
    ("sqs", "SendMessageBatch"): {"sqs:SendMessage"},
    ("sqs", "DeleteMessageBatch"): {"sqs:DeleteMessage"},
    ("sqs", "ChangeMessageVisibilityBatch"): {"sqs:ChangeMessageVisibility"},
    ("lambda", "Invoke"): {"lambda:InvokeFunction"},
}
# boto3 guide, "File transfer": methods that are no operations of their own, and make a multipart upload of a big file.
TRANSFERS = {
    "upload_file": {"s3:PutObject", "s3:AbortMultipartUpload"},
    "upload_fileobj": {"s3:PutObject", "s3:AbortMultipartUpload"},
    "download_file": {"s3:GetObject"},
    "download_fileobj": {"s3:GetObject"},
}


def functions() -> list[str]:
    """The folders of all functions."""
    return sorted(path.parent.name for path in (INCLUDE / "functions").glob("*/handler.py"))


def of_function(folder: str) -> set[str]:
    """What the code of a Lambda function needs."""
    module = PROGRAM.file(INCLUDE / "functions" / folder / "handler.py")
    return actions(PROGRAM.reach([Definition(module, TOP), Definition(module, "handler")]))


def of_airflow() -> set[str]:
    """What DAGs, their operators, sensors and triggers, plugins and MWAA's startup script need."""
    files = [path for folder in ("dags", "plugins") for path in sorted((PROJECT / folder).glob("**/*.py"))]
    modules = [PROGRAM.file(path) for path in files] + [_startup_script()]
    entries = [Definition(module, name) for module in modules for name in module.definitions]
    return actions(PROGRAM.reach(entries, AIRFLOW_CALLS))


def of_notebook() -> set[str]:
    """What the analysis notebook needs."""
    path = INCLUDE / "notebooks" / "telemetry_analysis.ipynb"
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    module = Module(path.name, path, ast.parse("\n".join("".join(cell["source"]) for cell in cells)))
    return actions(PROGRAM.reach(Definition(module, name) for name in module.definitions))


def actions(code: Code) -> set[str]:
    """The IAM actions for every AWS operation in ``code``."""
    services = set(_services(code))
    needed: set[str] = set()
    for _, node in code.nodes():
        for name in _method_names(node):
            if "s3" in services:
                needed |= TRANSFERS.get(name, set())
            needed |= {
                action for service in services for action in _actions_of(service, _operations(service).get(name))
            }
    return needed


def _startup_script() -> Module:
    """The Python within the shell script."""
    path = INCLUDE / "telemetry" / "packaging" / "startup.sh"
    _, rest = path.read_text().split("<<'PYTHON'\n")
    return Module(path.name, path, ast.parse(rest.partition("\nPYTHON\n")[0]))


def _services(code: Code) -> Iterator[str]:
    """The services that clients are made of.

    Raises:
        ValueError: it is a variable's value, which cannot be followed.
    """
    for definition, node in code.nodes():
        if isinstance(node, ast.Call) and (maker := _called(node)) in MAKERS:
            named = literal_strings(node.args[:1])
            if not named:
                raise ValueError(f"{definition}, line {node.lineno}: name the service in the call of {maker}()")
            yield named[0]


def _called(call: ast.Call) -> str:
    """The last name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _method_names(node: ast.AST) -> list[str]:
    """The client methods that a node stands for."""
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "get_paginator":
            return literal_strings(node.args[:1])
        if node.func.attr == "get_waiter":
            return [f"wait:{name}" for name in literal_strings(node.args[:1])]
    return []


def _actions_of(service: str, operation: str | None) -> set[str]:
    if operation is None:
        return set()
    default = {f"{IAM_SERVICES.get(service, service)}:{operation}"}
    return IAM_ACTIONS.get((service, operation), default)


@cache
def _operations(service: str) -> dict[str, str]:
    """A service's operations by the name of the client's method, those that a waiter calls by ``wait:`` and its name.

    Raises:
        UnknownServiceError: there is no such service.
    """
    session = botocore.session.get_session()
    names = {xform_name(name): name for name in session.get_service_model(service).operation_names}
    try:
        waiters = session.get_waiter_model(service)
    except UnknownServiceError:  # of those that have waiters
        return names
    return names | {f"wait:{xform_name(name)}": waiters.get_waiter(name).operation for name in waiters.waiter_names}
