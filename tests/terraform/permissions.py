"""The IAM actions that code needs, derived from its AWS calls.

A service counts as used where reached code makes a client of it (``client("s3")``), an operation where its method
stands behind a dot in reached code (``s3.put_object``), or a paginator or a waiter is made for it. What a library calls
by itself is not seen: ruff refuses those that do (``banned-api`` in pyproject.toml).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from emulated import PROJECT
from telemetry.packaging.mwaa import STARTUP
from terraform.reachable import Part, reached

INCLUDE = PROJECT / "include"
MAKERS = ("client", "_client")
"""Functions that make a client, of the service that their first argument names: the project's, and boto3's."""

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
    return actions([_entry(INCLUDE / "functions" / folder / "handler.py")])


def of_airflow() -> set[str]:
    """What DAGs, plugins, all that is written for Airflow to call, and MWAA's startup script need."""
    folders = (PROJECT / "dags", PROJECT / "plugins", INCLUDE / "telemetry_airflow")
    entries = [_entry(path) for folder in folders for path in folder.rglob("*.py")]
    return actions([*entries, _startup_script()])


def of_notebook() -> set[str]:
    """What the analysis notebook needs."""
    path = INCLUDE / "notebooks" / "telemetry_analysis.ipynb"
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    return actions([Part(path, ast.parse("\n".join("".join(cell["source"]) for cell in cells)))])


def actions(entries: Iterable[Part], root: Path = INCLUDE) -> set[str]:
    """The IAM actions for every AWS operation in what ``entries`` reach of the modules below ``root``.

    Raises:
        ValueError: a service, or the operation of a paginator or waiter, is a variable's value: it cannot be followed.
    """
    code = reached(entries, root)
    methods = {node.attr for part in code for node in ast.walk(part.tree) if isinstance(node, ast.Attribute)}
    methods |= set(_arguments(code, ("get_paginator", "get_waiter")))
    operations = [_operations(service) for service in _arguments(code, MAKERS)]
    return {action for one in operations for name in methods & one.keys() for action in one[name]}


def _entry(path: Path) -> Part:
    return Part(path, ast.parse(path.read_text()))


def _startup_script() -> Part:
    """The Python within the shell script."""
    _, rest = STARTUP.read_text().split("<<'PYTHON'\n")
    return Part(STARTUP, ast.parse(rest.partition("\nPYTHON\n")[0]))


def _arguments(code: Iterable[Part], functions: Container[str]) -> Iterator[str]:
    """The first argument of every call of some functions, which must be a string as it stands."""
    for part in code:
        for node in ast.walk(part.tree):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments) if name in functions:
                    match arguments:
                        case [ast.Constant(value=str(argument)), *_]:
                            yield argument
                        case _:
                            raise ValueError(f"{part.path}, line {node.lineno}: write the name in the call of {name}()")


@cache
def _operations(service: str) -> dict[str, set[str]]:
    """The IAM actions that a service's client needs, by the names of its methods and waiters."""
    session = botocore.session.get_session()
    names = {xform_name(name): name for name in session.get_service_model(service).operation_names}
    with suppress(UnknownServiceError):  # of those that have waiters
        waiters = session.get_waiter_model(service)
        names |= {xform_name(name): waiters.get_waiter(name).operation for name in waiters.waiter_names}
    prefix = IAM_SERVICES.get(service, service)
    needed = {name: IAM_ACTIONS.get((service, one), {f"{prefix}:{one}"}) for name, one in names.items()}
    return needed | (TRANSFERS if service == "s3" else {})
